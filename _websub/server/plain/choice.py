"""Which server speaks HTTP: uvicorn where it can, for it costs less, and hypercorn elsewhere."""

import asyncio
from importlib.util import find_spec

#: What may be chosen; ``auto`` takes uvicorn for plain HTTP/1.1 on asyncio, where it is installed.
SERVERS = ("auto", "hypercorn", "uvicorn")


def check_server(server: str, *, plain: bool) -> None:
    """Check what was chosen.

    Args:
        server: One of ``SERVERS``.
        plain: Whether HTTP/1.1 without TLS is spoken, and nothing else.

    Raises:
        ValueError: It is none of them, is not installed, or does not speak what is to be spoken.
    """
    if server not in SERVERS:
        raise ValueError(f"The server must be one of {', '.join(SERVERS)}, not {server}.")
    if server != "uvicorn":
        return
    if not plain:
        raise ValueError("The server uvicorn speaks HTTP/1.1 without TLS only; hypercorn speaks TLS and HTTP/2.")
    if not is_installed():
        raise ValueError("The server uvicorn is not installed: pip install 'websubhub[speed]'.")


def takes_uvicorn(server: str, *, plain: bool) -> bool:
    """Return whether uvicorn serves, in the event loop that runs.

    Raises:
        ValueError: It was chosen, and cannot.
    """
    check_server(server, plain=plain)
    if server == "hypercorn" or not plain:
        return False
    if _runs_asyncio():
        return is_installed()
    if server == "uvicorn":
        raise ValueError("The server uvicorn runs on asyncio and uvloop only; hypercorn runs on trio.")
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
