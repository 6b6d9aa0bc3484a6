"""Deliveries: the content that subscribers share, and the little that differs between them."""

import re
from collections.abc import Callable, Sequence

import attrs

from _websub.grammar.signature import sign
from _websub.grammar.vocabulary import USER_AGENT

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: Headers that frame a message on the wire, which only the engine or a client can know.
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"})
_BODILESS_METHODS = frozenset({"GET", "HEAD"})
# Each subscription should have its own secret; where some share one, it is soon among the first that are seen.
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
        body: The bytes to send; they are shared by all deliveries and never copied.
        headers: ``Content-Type``, ``Link`` and what else every subscriber gets. Those that frame the message on the
            wire (``Host``, ``Content-Length``, ``Connection``...) are written by the engine and left out here.
        method: The HTTP method; content distribution is a POST (W3C 7).
        signature_method: One of sha1, sha256, sha384 and sha512, for subscriptions with a secret (W3C 7.1).
        kept_body_bytes: How much of the body of an answer to return; what is longer is cut. With 0, bodies are ignored
            (W3C 7).
        total_seconds: Instead of the limit of the engine, for the whole exchange.
        may_connect: Asked with each address right before a connection to it, whether there may be one now. A connection
            that is kept is used without asking.
    """

    body: bytes = attrs.field(repr=False)
    headers: HeaderPairs = ()
    method: str = "POST"
    signature_method: str = "sha256"
    kept_body_bytes: int = 0
    total_seconds: float | None = None
    may_connect: Callable[[str], bool] | None = attrs.field(default=None, repr=False)
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


# Not frozen: one is made for each subscriber, and a frozen one takes twice as long to make.
@attrs.define(eq=False, weakref_slot=False)
class Delivery:
    """One message to one subscriber. The engine does not change it, and nobody should while it is under way.

    Attributes:
        callback: The URL to send to, byte for byte as the subscriber gave it.
        content: What all subscribers get.
        secret: The secret of the subscription; the delivery is signed if there is one (W3C 7.1).
        key: Whatever the sender wants to find again with the outcome; the engine does not look at it.
    """

    callback: str = attrs.field(repr=False)
    content: SharedContent
    secret: str | None = attrs.field(default=None, repr=False)
    key: object = None
