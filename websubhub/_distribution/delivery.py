"""Deliveries: the content that subscribers share, and the little that differs between them."""

import re
from collections.abc import Callable, Sequence

import attrs

from _websub.grammar.signature import sign
from _websub.grammar.vocabulary import USER_AGENT
from websubhub._distribution.wanted import WantedBody

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: Headers that frame a message on the wire, which only the engine or a client can know.
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"})
_BODILESS_METHODS = frozenset({"GET", "HEAD"})
# Each subscription should have its own secret. A shared one is usually seen among the first.
_SIGNATURES_KEPT = 64

HeaderPairs = Sequence[tuple[str, str]]


def render_fields(headers: HeaderPairs) -> str | None:
    """Return the header fields as they go on the wire, or ``None`` when one of them must not be sent."""
    lines = []
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None or _FORBIDDEN_IN_VALUE.search(value) is not None:
            return None
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines)


@attrs.frozen(kw_only=True, eq=False)
class SharedContent:
    """The part of a message that is the same for every subscriber, rendered once.

    Attributes:
        body: The bytes to send, which all deliveries share and never copy.
        headers: ``Content-Type``, ``Link`` and all other headers for every subscriber. Those that frame the message
            (``Host``, ``Content-Length``, ``Connection``...) are written by the engine and left out here.
        method: The HTTP method. Content distribution is a POST (W3C 7).
        signature_method: One of sha1, sha256, sha384 and sha512, for subscriptions with a secret (W3C 7.1).
        kept_body_bytes: How much of the body of a response to return. Longer ones are cut. With 0, bodies are ignored
            (W3C 7).
        error_body_bytes: How much of the beginning of an ignored body to return if the status is not 2xx.
        timed: Whether outcomes include the duration of deliveries that arrived. Failed deliveries always do.
        total_seconds: The time limit of the whole exchange, instead of that of the engine.
        may_connect: Called with each address, or its /64 network of IPv6, right before a connection to it is made, or
            a kept one is used. Returns whether to do that now.
        wanted: Which bodies are wanted, and who reads the large ones, instead of cutting any body.
    """

    body: bytes = attrs.field(repr=False)
    headers: HeaderPairs = ()
    method: str = "POST"
    signature_method: str = "sha256"
    kept_body_bytes: int = 0
    error_body_bytes: int = 0
    timed: bool = False
    total_seconds: float | None = None
    may_connect: Callable[[str], bool] | None = attrs.field(default=None, repr=False)
    wanted: WantedBody | None = attrs.field(default=None, repr=False)
    fields: str | None = attrs.field(init=False, repr=False)
    _signatures: dict[str, str] = attrs.field(init=False, repr=False, factory=dict)

    @fields.default
    def _render(self) -> str | None:
        if _TOKEN.fullmatch(self.method) is None or self.method == "CONNECT":
            return None
        pairs = [(name, value) for name, value in self.headers if name.lower() not in FRAMING]
        names = {name.lower() for name, _ in pairs}
        if "user-agent" not in names:
            pairs.append(("User-Agent", USER_AGENT))
        if "accept-encoding" not in names:
            pairs.append(("Accept-Encoding", "identity"))
        if self.body or self.method not in _BODILESS_METHODS:
            pairs.append(("Content-Length", str(len(self.body))))
        return render_fields(pairs)

    def signature(self, secret: str) -> str:
        """Return the ``X-Hub-Signature`` for a subscription with this secret, computed once if several share it.

        Raises:
            ValueError: The signature method is unknown, or the secret cannot be encoded.
        """
        signature = self._signatures.get(secret)
        if signature is None:
            signature = sign(self.signature_method, secret, self.body)
            if len(self._signatures) < _SIGNATURES_KEPT:
                self._signatures[secret] = signature
        return signature


# Not frozen: one is made for each subscriber, and making a frozen one takes twice as long.
@attrs.define(eq=False, weakref_slot=False)
class Delivery:
    """One message to one subscriber. Do not change it while it is being delivered.

    Attributes:
        callback: The URL to send to, byte for byte as the subscriber gave it.
        content: The content that all subscribers get.
        secret: The secret of the subscription. If there is one, the delivery is signed (W3C 7.1).
        key: Any value that the sender wants to get with the outcome. The engine ignores it.
    """

    callback: str = attrs.field(repr=False)
    content: SharedContent
    secret: str | None = attrs.field(default=None, repr=False)
    key: object = None
