"""The choice of the HTTP server: uvicorn where it can serve, since it costs less, and hypercorn elsewhere."""

import asyncio
from importlib.util import find_spec

#: The choices. ``auto`` uses uvicorn for plain HTTP/1.1 on asyncio, if it is installed.
SERVERS = ("auto", "hypercorn", "uvicorn")


def check_server(server: str, *, plain: bool) -> None:
    """Check the choice of a server.

    Args:
        server: One of ``SERVERS``.
        plain: Whether only HTTP/1.1 without TLS is needed.

    Raises:
        ValueError: It is none of them, is not installed, or does not support what is needed.
    """
    if server not in SERVERS:
        raise ValueError(f"The server must be one of {', '.join(SERVERS)}, not {server}.")
    if server != "uvicorn":
        return
    if not plain:
        raise ValueError("The server uvicorn supports HTTP/1.1 without TLS only. For TLS and HTTP/2, use hypercorn.")
    if not is_installed():
        raise ValueError("The server uvicorn is not installed: pip install 'websubhub[speed]'.")


def takes_uvicorn(server: str, *, plain: bool) -> bool:
    """Return whether uvicorn serves on the running event loop.

    Raises:
        ValueError: It was chosen, but cannot serve here.
    """
    check_server(server, plain=plain)
    if server == "hypercorn" or not plain:
        return False
    if _runs_asyncio():
        return is_installed()
    if server == "uvicorn":
        raise ValueError("The server uvicorn runs on asyncio and uvloop only. On trio, use hypercorn.")
    return False


def is_installed() -> bool:
    """Return whether uvicorn is installed."""
    return find_spec("uvicorn") is not None


def _runs_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
