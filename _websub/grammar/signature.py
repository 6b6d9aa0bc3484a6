"""Authenticated content distribution: HMAC over the bytes on the wire (W3C 7.1)."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence

from _websub.grammar.vocabulary import SECRET_LIMIT, SignatureMethod

#: What a subscriber accepts unless told otherwise: SHA-256 and stronger (W3C 8.3).
STRONG_METHODS = frozenset({SignatureMethod.SHA256, SignatureMethod.SHA384, SignatureMethod.SHA512})

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER = re.compile(r"([a-z0-9]{1,10})=([0-9a-fA-F]{40,128})", re.ASCII)
# By plain text: to look an enum up, to hash and to render it takes as long as the digest of a small body.
_HASHES = {
    SignatureMethod.SHA1.value: (hashlib.sha1, 64),
    SignatureMethod.SHA256.value: (hashlib.sha256, 64),
    SignatureMethod.SHA384.value: (hashlib.sha384, 128),
    SignatureMethod.SHA512.value: (hashlib.sha512, 128),
}
# What RFC 2104 adds to the bytes of a key, for the digest inside and the one around it.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_HEX_DIGITS = {method: 2 * digest().digest_size for method, (digest, _) in _HASHES.items()}


class SignatureError(Exception):
    """A delivery whose signature does not prove that the hub sent it."""


class SecretError(ValueError):
    """A secret that cannot be used; its text says why."""


def check_secret(secret: str) -> str:
    """A secret, returned unchanged if it may be used.

    Raises:
        SecretError: It is empty, 200 bytes or longer in UTF-8, not UTF-8 at all, or has control characters.
    """
    if not secret:
        raise SecretError("hub.secret must not be empty.")
    try:
        size = len(secret.encode())
    except UnicodeEncodeError:
        raise SecretError("hub.secret must be text that UTF-8 can say.") from None
    if size >= SECRET_LIMIT:
        raise SecretError(f"hub.secret must be shorter than {SECRET_LIMIT} bytes.")
    # HMAC pads keys with NUL, so a secret with NULs at its end would equal the one without.
    if _CONTROL.search(secret):
        raise SecretError("hub.secret must not have control characters.")
    return secret


def sign(method: str, secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature`` for a body: ``sha256=<hex in small letters>``.

    Args:
        method: One of sha1, sha256, sha384, sha512.
        secret: The subscription's secret.
        body: Exactly the bytes that are sent.

    Raises:
        ValueError: The method is another one.
    """
    try:
        digest, block_bytes = _HASHES[method]
    except KeyError:
        raise ValueError(f"{method!r} is no signature method.") from None
    # Each HMAC of OpenSSL looks its hash up anew, which takes longer than to hash a small body: so two hashes instead.
    key = secret.encode()
    if len(key) > block_bytes:
        key = digest(key).digest()
    key = key.ljust(block_bytes, b"\0")
    inner = digest(key.translate(_INNER))
    inner.update(body)
    return f"{method}={digest(key.translate(_OUTER) + inner.digest()).hexdigest()}"


def verify(
    headers: Sequence[str],
    secrets: Iterable[str],
    body: bytes,
    accepted: Collection[str] = STRONG_METHODS,
) -> None:
    """Check the signature of a delivery against each secret that is valid now.

    Args:
        headers: All values of ``X-Hub-Signature``, as received.
        secrets: The subscription's secret; while a renewal is under way, the new one too.
        body: The raw body, before any decoding.
        accepted: The methods that are strong enough.

    Raises:
        SignatureError: It is missing, repeated, malformed, of an unknown or too weak method, or wrong (W3C 7.1.2).
    """
    if len(headers) != 1:
        raise SignatureError("signature missing" if not headers else "more than one signature")
    match = _HEADER.fullmatch(headers[0])
    if match is None:
        raise SignatureError("signature malformed")
    method, received = match[1], match[2].lower()
    if method not in _HASHES:
        raise SignatureError("signature method unknown")
    if method not in accepted:
        raise SignatureError(f"signature method {method} is weaker than allowed")
    if len(received) != _HEX_DIGITS[method]:
        raise SignatureError("signature of the wrong length")
    # Every secret is tried, so that the time taken does not say which one matched.
    matches = [hmac.compare_digest(sign(method, secret, body), f"{method}={received}") for secret in secrets]
    if not any(matches):
        raise SignatureError("signature does not match")
