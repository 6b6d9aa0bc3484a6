"""The credentials and the TLS settings of the connection."""

import ssl
from pathlib import Path
from typing import Any

from websubhub.standalone.adapters.nats.wire.address import Address
from websubhub.standalone.ports import StoreError

_TOKEN_MOST = 4_096


def credentials(address: Address) -> dict[str, Any]:
    """Return the options of the client for its user and for TLS.

    Raises:
        StoreError: A file cannot be read, or has the wrong content.
    """
    options: dict[str, Any] = {}
    if address.tls:
        options["tls"] = _context(address)
    if address.token_file:
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
