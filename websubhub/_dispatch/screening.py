"""The first checks of requests and callbacks, before the service is asked."""

from urllib.parse import unquote, urlsplit

from _websub.asgi.origins import leads_off_loopback, refusal_on_loopback
from _websub.grammar.addresses import is_loopback_url
from _websub.grammar.hosts import authority_of
from _websub.grammar.vocabulary import Parameter
from _websub.http import Request, Response, plain
from websubhub._config import HubConfig
from websubhub._dispatch.callbacks import CallbackClient
from websubhub._subscriptions import Subscription, Unsubscription


class Screening:
    """Refuses requests that are not for this hub, and callbacks that it will never call.

    Args:
        config: The hub's settings.
        client: The client that calls callbacks.
    """

    def __init__(self, config: HubConfig, client: CallbackClient) -> None:
        self._path = config.local_path
        self._location = _location(config.public_url)
        self._on_loopback = is_loopback_url(config.public_url)
        self._client = client

    def refusal(self, request: Request) -> Response | None:
        """Return the response to a request that is refused unread, or None if it should be read."""
        if request.path != self._path and request.local_path not in {"", self._path}:
            return plain(404, "There is no hub here.")
        if request.method != "POST":
            return plain(405, "A hub accepts POST requests only.", [("Allow", "POST")])
        reason = refusal_on_loopback(request) if self._on_loopback else None
        return plain(403, reason) if reason else None

    def callback_refusal(self, message: Subscription | Unsubscription) -> Response | None:
        """Return the response to a request whose callback will never be called, or None if it may be called."""
        if not self._client.may_call(message.callback):
            return plain(400, f"{Parameter.CALLBACK} names an address that this hub does not call.")
        if _location(message.callback) == self._location:
            return plain(400, f"{Parameter.CALLBACK} is the URL of this hub itself.")
        subscribing = self._on_loopback and isinstance(message, Subscription)
        if subscribing and leads_off_loopback(message.topic, message.callback):
            return plain(400, "A topic on loopback needs a callback on loopback.")
        return None


def _location(url: str) -> tuple[str, str]:
    """Return the authority and the path of a URL, in one spelling and without its query."""
    return authority_of(url), unquote(urlsplit(url).path).rstrip("/")
