"""The assembly of the dashboard from the operations of the admin API."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable

from websubhub.standalone.admin.dashboard.access.entrance import Entrance
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.access.sessions import Sessions
from websubhub.standalone.admin.dashboard.application import Dashboard
from websubhub.standalone.admin.dashboard.live import LiveTail
from websubhub.standalone.admin.dashboard.pages.attempts import AttemptPages
from websubhub.standalone.admin.dashboard.pages.events import EventPages
from websubhub.standalone.admin.dashboard.pages.find import Finding
from websubhub.standalone.admin.dashboard.pages.hosts import HostPages
from websubhub.standalone.admin.dashboard.pages.letters import LetterPages
from websubhub.standalone.admin.dashboard.pages.messages import MessagePages
from websubhub.standalone.admin.dashboard.pages.overview import OverviewPages
from websubhub.standalone.admin.dashboard.pages.pending import PendingPages
from websubhub.standalone.admin.dashboard.pages.sharing import Sharing
from websubhub.standalone.admin.dashboard.pages.subscriptions import SubscriptionPages
from websubhub.standalone.admin.dashboard.pages.topics import TopicPages
from websubhub.standalone.admin.dashboard.questions import Action
from websubhub.standalone.admin.dashboard.rendering import Rendering
from websubhub.standalone.admin.dashboard.showing import Showing
from websubhub.standalone.admin.dashboard.visits import Page
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.operations import Operations

_KEY_BYTES = 32


def key_of(admin_token: str | None, viewer_token: str | None) -> bytes:
    """Return the key of sessions, references and shared links. It changes with the tokens.

    Without an admin token, the dashboard is only for this machine, and the key is a new random one at every start.
    Otherwise the key is slow to derive, so that nobody can guess the token from a link by trial and error.
    """
    if admin_token is None:
        return secrets.token_bytes(_KEY_BYTES)
    text = f"{admin_token}\0{viewer_token or ''}".encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=b"websubhub dashboard", n=2**14, r=8, p=1, dklen=_KEY_BYTES)


def build(
    operations: Operations,
    access: Access,
    is_ready: Callable[[], Awaitable[bool]],
    *,
    key: bytes,
    public_url: str,
    clock: Callable[[], float],
) -> Dashboard:
    """Return the dashboard of a hub.

    Args:
        operations: The operations of the admin API.
        access: Who may use them.
        is_ready: Returns whether the hub accepts requests and can store them.
        key: The key of sessions, references and shared links.
        public_url: The hub's public URL.
        clock: Returns the time, in seconds since 1970.
    """
    references = References(key, clock)
    sessions = Sessions(key, secure=public_url.startswith("https:"), clock=clock)
    entrance = Entrance(sessions, access, public_url)
    showing = Showing(Rendering(clock), sessions, references, public_url, operations.overview.is_complete)
    overview = OverviewPages(operations, is_ready, clock)
    topics, subscriptions = TopicPages(operations, references), SubscriptionPages(operations, references)
    sharing = Sharing(subscriptions, topics, references, public_url, clock)
    rest, actions = _rest(operations, references)
    pages: dict[str, Page] = {
        "/": overview.overview,
        "/series": overview.series,
        "/settings": overview.settings,
        "/doctor": overview.doctor,
        "/topics": topics.listed,
        "/topic": topics.one,
        "/subscriptions": subscriptions.listed,
        "/subscription": subscriptions.one,
        "/share": sharing.made,
        **rest,
    }
    return Dashboard(
        pages,
        sharing.shown,
        {**actions, **topics.actions, **subscriptions.actions, **sharing.actions},
        entrance=entrance,
        references=references,
        showing=showing,
        live=LiveTail(operations.events, entrance, showing),
    )


def _rest(operations: Operations, references: References) -> tuple[dict[str, Page], dict[str, Action]]:
    """Return the pages about deliveries and pending work by path, and their actions by name."""
    messages, letters = MessagePages(operations, references), LetterPages(operations, references)
    hosts, pending = HostPages(operations, references), PendingPages(operations, references)
    pages: dict[str, Page] = {
        "/messages": messages.listed,
        "/message": messages.one,
        "/message/content": messages.content,
        "/message/recipients": messages.recipients,
        "/attempts": AttemptPages(operations, references).listed,
        "/retries": pending.retries,
        "/dead-letters": letters.listed,
        "/dead-letter/content": letters.content,
        "/hosts": hosts.listed,
        "/host": hosts.one,
        "/verifications": pending.verifications,
        "/verifications/given-up": pending.given_up,
        "/announcements": pending.announcements,
        "/live": EventPages(operations).live,
        "/find": Finding(operations, references).find,
    }
    return pages, {**messages.actions, **letters.actions, **hosts.actions, **pending.actions}
