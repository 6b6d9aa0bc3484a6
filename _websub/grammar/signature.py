"""Authenticated content distribution: an HMAC of the bytes that are sent (W3C 7.1)."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence

from _websub.errors import WebSubError
from _websub.grammar.vocabulary import SECRET_LIMIT, SignatureMethod

#: The methods a subscriber accepts by default: SHA-256 and stronger (W3C 8.3).
STRONG_METHODS = frozenset({SignatureMethod.SHA256, SignatureMethod.SHA384, SignatureMethod.SHA512})

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER = re.compile(r"([a-z0-9]{1,10})=([0-9a-fA-F]{40,128})", re.ASCII)
# Keyed by plain text: looking up, hashing and formatting an enum takes as long as the digest of a small body.
_HASHES = {
    SignatureMethod.SHA1.value: (hashlib.sha1, 64),
    SignatureMethod.SHA256.value: (hashlib.sha256, 64),
    SignatureMethod.SHA384.value: (hashlib.sha384, 128),
    SignatureMethod.SHA512.value: (hashlib.sha512, 128),
}
# The inner and outer padding of RFC 2104, as tables that apply it to the bytes of a key.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_HEX_DIGITS = {method: 2 * digest().digest_size for method, (digest, _) in _HASHES.items()}


class SignatureError(Exception):
    """The signature of a delivery does not prove that the hub sent it."""


class SecretError(WebSubError, ValueError):
    """A secret cannot be used. The message says why."""

    status = 400


def check_secret(secret: str) -> str:
    """Check a secret, and return it unchanged.

    Raises:
        SecretError: The secret is empty, 200 bytes or longer in UTF-8, not valid UTF-8, or has control characters.
    """
    if not secret:
        raise SecretError("hub.secret must not be empty.")
    try:
        size = len(secret.encode())
    except UnicodeEncodeError:
        raise SecretError("hub.secret must be valid UTF-8.") from None
    if size >= SECRET_LIMIT:
        raise SecretError(f"hub.secret must be shorter than {SECRET_LIMIT} bytes.")
    # HMAC pads keys with NUL, so a secret with NULs at its end would equal the same one without them.
    if _CONTROL.search(secret):
        raise SecretError("hub.secret must not have control characters.")
    return secret


def sign(method: str, secret: str, body: bytes) -> str:
    """Return the value of ``X-Hub-Signature`` for a body, such as ``sha256=<lower-case hex>``.

    Args:
        method: One of sha1, sha256, sha384, sha512.
        secret: The subscription's secret.
        body: The bytes, exactly as they are sent.

    Raises:
        ValueError: The method is unknown.
    """
    try:
        digest, block_bytes = _HASHES[method]
    except KeyError:
        raise ValueError(f"{method!r} is not a signature method.") from None
    # Each HMAC of OpenSSL looks up its hash again, which takes longer than hashing a small body. Two hashes do not.
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
    """Check the signature of a delivery against every secret that is valid now.

    Args:
        headers: All values of ``X-Hub-Signature``, as received.
        secrets: The subscription's secret, and the new one while a renewal is under way.
        body: The raw body, before any decoding.
        accepted: The methods that are strong enough.

    Raises:
        SignatureError: The signature is missing, repeated, malformed, wrong, or of an unknown or too weak method
            (W3C 7.1.2).
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
    # Every secret is tried, so that the time taken does not reveal which one matched.
    matches = [hmac.compare_digest(sign(method, secret, body), f"{method}={received}") for secret in secrets]
    if not any(matches):
        raise SignatureError("signature does not match")
