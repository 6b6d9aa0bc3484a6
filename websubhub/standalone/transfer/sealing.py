"""Encrypting and signing a file with a passphrase, by ``Fernet`` of the library cryptography."""

from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import scrypt
from secrets import token_bytes
from typing import Any, Protocol

from websubhub.standalone.transfer.errors import TransferError

_SALT_BYTES = 16
_KEY_BYTES = 32
_COST = 2**15  # 32 MiB of memory and a tenth of a second for each guess
_COST_MOST = 2**18
_BLOCK = 8
_MEMORY_BYTES = 2 * 128 * _BLOCK * _COST_MOST
_SHORTEST = 12


class Seal(Protocol):
    """Encrypts bytes into tokens, and decrypts tokens."""

    def encrypt(self, data: bytes) -> bytes:
        """Return a token in letters and digits."""
        ...

    def decrypt(self, token: bytes) -> bytes:
        """Return the bytes in a token."""
        ...


def new_seal(passphrase: str) -> tuple[Seal, dict[str, Any]]:
    """Return a seal, and its parameters, which the file has to contain.

    Raises:
        TransferError: The passphrase is too short, or cryptography is not installed.
    """
    if len(passphrase) < _SHORTEST:
        raise TransferError(f"The passphrase must have at least {_SHORTEST} characters.")
    salt = token_bytes(_SALT_BYTES)
    return _seal(passphrase, salt, _COST), {"salt": b64encode(salt).decode(), "cost": _COST}


def known_seal(passphrase: str, said: Mapping[str, Any]) -> Seal:
    """Return the seal with the parameters in a file.

    Args:
        passphrase: The passphrase.
        said: The parameters in the file.

    Raises:
        TransferError: The parameters are invalid, or cryptography is not installed.
    """
    try:
        salt, cost = b64decode(said["salt"], validate=True), said["cost"]
    except (LookupError, TypeError, ValueError):
        raise TransferError("The first line of the file does not say how it was encrypted.") from None
    is_cost = isinstance(cost, int) and 1 < cost <= _COST_MOST and cost & (cost - 1) == 0
    if len(salt) != _SALT_BYTES or not is_cost:
        raise TransferError("The first line of the file does not say how it was encrypted.")
    return _seal(passphrase, salt, cost)


def opened(seal: Seal, token: bytes) -> bytes:
    """Return the bytes in a token of a file.

    Raises:
        TransferError: It was made with another passphrase, or has been changed.
    """
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - only an encrypted file needs it

    try:
        return seal.decrypt(token)
    except InvalidToken:
        raise TransferError("The passphrase is wrong, or the file has been changed.") from None


def _seal(passphrase: str, salt: bytes, cost: int) -> Seal:
    try:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - only an encrypted file needs it
    except ImportError:
        raise TransferError("A passphrase needs the extra encryption: pip install 'websubhub[encryption]'.") from None
    key = scrypt(passphrase.encode(), salt=salt, n=cost, r=_BLOCK, p=1, maxmem=_MEMORY_BYTES, dklen=_KEY_BYTES)
    return Fernet(urlsafe_b64encode(key))
