"""The credentials and the TLS settings of the connection."""

import re
import ssl
from collections import UserString
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.ports import StoreError

_TOKEN_MOST = 4_096
_CREDS_MOST = 65_536
_CREDS = re.compile(r"BEGIN NATS USER JWT-+\r?\n[\w.-]+\r?\n[^\0]*BEGIN USER NKEY SEED-+\r?\nSU[A-Z2-7]+\s", re.ASCII)


def credentials(address: Address) -> dict[str, Any]:
    """Return the options of the client for its user and for TLS.

    Raises:
        StoreError: A file cannot be read, or has the wrong content.
    """
    options: dict[str, Any] = {}
    if address.tls:
        options["tls"] = _context(address)
    if address.creds:
        options["user_credentials"] = _creds(address.creds)
    elif address.token_file:
        options["token"] = _token(address.token_file)
    elif address.password is not None:
        options |= {"user": address.user, "password": address.password}
    elif address.user:
        options["token"] = address.user
    return options


def _token(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            token = file.readline(_TOKEN_MOST).strip()
    except (OSError, ValueError) as error:
        raise StoreError(f"The token for the NATS servers cannot be read from {path}: {_reason(error)}.") from None
    if not token:
        raise StoreError(f"The first line of {path} must be the token for the NATS servers.")
    return token


def _creds(path: str) -> UserString:
    """Return the content of a file of credentials, which the client would read for ever if it had no JWT."""
    if find_spec("nkeys") is None:
        raise StoreError("Credentials for the NATS servers need the package nkeys: pip install 'websubhub[nats]'.")
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_CREDS_MOST)
    except (OSError, ValueError) as error:
        raise StoreError(f"The credentials in {path} cannot be read: {_reason(error)}.") from None
    if not _CREDS.search(text):
        raise StoreError(f"{path} must have the JWT and the seed of a NATS user, as nsc writes them.")
    return UserString(text)


def _context(address: Address) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.ca or None)
    except (OSError, ValueError) as error:
        raise StoreError(f"The certificates in {address.ca} cannot be used: {_reason(error)}.") from None
    if address.cert:
        try:
            context.load_cert_chain(address.cert, address.key or None, "")
        except (OSError, ValueError) as error:
            raise StoreError(f"The certificate in {address.cert} cannot be used: {_reason(error)}.") from None
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "it is not PEM, or its parts do not belong together"
    text = getattr(error, "strerror", None) or str(error)
    return text.lower()
