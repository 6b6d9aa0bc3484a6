"""Listening sockets, at a host and port or at a path."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from _websub.server.server import Binding

#: A client that finds the queue full tries again after one, three and seven seconds. The system may allow less.
_BACKLOG = 4_096
#: The folder decides who may connect. The proxy in front usually runs as another user.
_MODE = 0o666


class CannotListenError(OSError):
    """The server cannot listen on an address or a path.

    Attributes:
        sentence: The message for people.
    """

    def __init__(self, error: OSError, where: str) -> None:
        super().__init__(*error.args)
        self.sentence = f"Cannot listen on {where}: {(error.strerror or str(error)).lower().rstrip('.')}."


@contextmanager
def listening_at(binding: Binding) -> Iterator[socket.socket]:
    """Yield a socket that listens where the binding says. A Unix socket is removed at the end of the block.

    Raises:
        CannotListenError: Listening on the address or the path is not possible.
    """
    if binding.unix_socket is None:
        with listen(binding) as listening:
            yield listening
        return
    path = Path(binding.unix_socket)
    try:
        opened = _listen_at_path(path)
    except OSError as error:
        raise CannotListenError(error, binding.unix_socket) from error
    with opened as listening:
        made = path.stat().st_ino
        try:
            yield listening
        finally:
            with suppress(OSError):
                if path.stat().st_ino == made:
                    path.unlink()


def listen(binding: Binding) -> socket.socket:
    """Return a socket that listens on the host and port of the binding.

    Raises:
        CannotListenError: Listening on the address is not possible.
    """
    try:
        return _listen_at_address(binding)
    except OSError as error:
        raise CannotListenError(error, f"{binding.host or 'all addresses'} port {binding.port}") from error


def _listen_at_address(binding: Binding) -> socket.socket:
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((binding.host.strip("[]"), binding.port))
        listening.listen(_BACKLOG)
        listening.settimeout(0.0)
    except BaseException:
        listening.close()
        raise
    return listening


def _listen_at_path(path: Path) -> socket.socket:
    _remove_abandoned(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(os.fspath(path))
        path.chmod(_MODE)
        listening.listen(_BACKLOG)
        listening.settimeout(0.0)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_abandoned(path: Path) -> None:
    """Remove a socket that a killed process has left behind. A socket that is still listened on stays."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(os.fspath(path))
            except ConnectionRefusedError:
                path.unlink()


def base_url(binding: Binding, listening: socket.socket) -> str:
    """Return the scheme, host and port that a listening socket answers at, or ``unix:`` and the path."""
    if binding.unix_socket is not None:
        return f"unix:{binding.unix_socket}"
    scheme = "https" if binding.certfile else "http"
    host = f"[{binding.host.strip('[]')}]" if ":" in binding.host else binding.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"
