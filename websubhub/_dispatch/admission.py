"""Which requests a hub reads, and which callbacks it takes: what can be told before anybody is asked."""

from urllib.parse import unquote, urlsplit

from _websub.asgi.origins import leads_off_loopback, refusal_on_loopback
from _websub.calls.client import HttpClient
from _websub.grammar.addresses import is_loopback_url
from _websub.grammar.hosts import authority_of
from _websub.grammar.vocabulary import Parameter
from _websub.http import Request, Response, plain
from websubhub._config import HubConfig
from websubhub._messages import Subscription, Unsubscription


class Admission:
    """Turns away what is not for this hub, or can never be carried out.

    Args:
        config: The hub's settings.
        client: How callbacks will be reached.
    """

    def __init__(self, config: HubConfig, client: HttpClient) -> None:
        self._path = config.local_path
        self._place = _place(config.public_url)
        self._on_loopback = is_loopback_url(config.public_url)
        self._client = client

    def refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that need not be read, or None if it must be."""
        if request.path != self._path and request.local_path not in {"", self._path}:
            return plain(404, "There is no hub here.")
        if request.method != "POST":
            return plain(405, "A hub takes POST requests only.", [("Allow", "POST")])
        reason = refusal_on_loopback(request) if self._on_loopback else None
        return plain(403, reason) if reason else None

    def callback_refusal(self, message: Subscription | Unsubscription) -> Response | None:
        """Return the answer to a request whose callback will never be called, or None if it may be."""
        if not self._client.may_call(message.callback):
            return plain(400, f"{Parameter.CALLBACK} names an address that this hub does not call.")
        if _place(message.callback) == self._place:
            return plain(400, f"{Parameter.CALLBACK} is the URL of this hub itself.")
        subscribing = self._on_loopback and isinstance(message, Subscription)
        if subscribing and leads_off_loopback(message.topic, message.callback):
            return plain(400, "A topic on loopback needs a callback there.")
        return None


def _place(url: str) -> tuple[str, str]:
    """Where requests to a URL arrive, however it is spelled and whatever its query."""
    return authority_of(url), unquote(urlsplit(url).path).rstrip("/")
