"""The dashboard put together from the operations of the admin API."""

import hashlib
import secrets
from collections.abc import Callable, Mapping

from websubhub.standalone.admin.dashboard.access.entrance import Entrance
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.access.sessions import Role, Sessions
from websubhub.standalone.admin.dashboard.application import Dashboard
from websubhub.standalone.admin.dashboard.pages.attempts import AttemptPages
from websubhub.standalone.admin.dashboard.live import LiveTail
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
from websubhub.standalone.admin.dashboard.rendering import Rendering
from websubhub.standalone.admin.dashboard.showing import Showing
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens


def key_of(*tokens: str | None) -> bytes:
    """Return the key of sessions, references and shared links. It changes with each of these tokens.

    Without a token it is another one at every start, since nobody but this machine has a use for it.
    """
    if not any(tokens):
        return secrets.token_bytes(32)
    return hashlib.sha256("\0".join(["websubhub dashboard", *(token or "" for token in tokens)]).encode()).digest()


def build(
    operations: Operations,
    *,
    key: bytes,
    tokens: Mapping[Role, Tokens],
    reach: Reach,
    public_url: str,
    clock: Callable[[], float],
) -> Dashboard:
    """Return the dashboard of a hub.

    Args:
        operations: The operations of the admin API.
        key: The key of sessions, references and shared links.
        tokens: The tokens of those who may sign in.
        reach: Tells whether nobody has to sign in.
        public_url: The hub's public URL.
        clock: Returns the time, in seconds since 1970.
    """
    references = References(key, clock)
    sessions = Sessions(key, secure=public_url.startswith("https:"), clock=clock)
    overview, attempts, hosts = (
        OverviewPages(operations, clock),
        AttemptPages(operations, references),
        HostPages(operations, references),
    )
    letters, messages = LetterPages(operations, references), MessagePages(operations, references)
    pending, topics = PendingPages(operations, references), TopicPages(operations, references)
    subscriptions = SubscriptionPages(operations, references)
    sharing = Sharing(subscriptions, topics, references, public_url, clock)
    pages = {
        "/": overview.overview,
        "/series": overview.series,
        "/settings": overview.settings,
        "/topics": topics.listed,
        "/topic": topics.one,
        "/subscriptions": subscriptions.listed,
        "/subscription": subscriptions.one,
        "/messages": messages.listed,
        "/message": messages.one,
        "/message/content": messages.content,
        "/attempts": attempts.listed,
        "/retries": pending.retries,
        "/dead-letters": letters.listed,
        "/dead-letter/content": letters.content,
        "/hosts": hosts.listed,
        "/host": hosts.one,
        "/verifications": pending.verifications,
        "/announcements": pending.announcements,
        "/share": sharing.made,
        "/live": EventPages(operations).live,
        "/find": Finding(operations, references).find,
    }
    groups = (hosts, letters, messages, pending, sharing, subscriptions, topics)
    actions = {name: action for group in groups for name, action in group.actions.items()}
    entrance = Entrance(sessions, tokens, reach, public_url)
    showing = Showing(Rendering(clock), sessions, references, public_url)
    live = LiveTail(operations.events, entrance, showing)
    return Dashboard(pages, sharing.shown, actions, entrance, references, showing, live)
