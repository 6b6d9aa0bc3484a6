"""The files of ``export`` and ``import``, which contain secrets."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from websubhub.standalone.transfer.errors import TransferError

_PIPE = "-"
_PASSPHRASE_MOST = 1_024


def passphrase_of(path: str | None) -> str | None:
    """Return the passphrase in a file, or None without one.

    Raises:
        TransferError: It cannot be read.
    """
    if path is None:
        return None
    try:
        with Path(path).open(encoding="utf-8") as file:
            passphrase = file.readline(_PASSPHRASE_MOST + 1).rstrip("\r\n")
    except OSError as error:
        raise TransferError(f"--passphrase-file {path} cannot be read: {_reason(error)}.") from None
    except ValueError:
        raise TransferError(f"--passphrase-file {path} is not text in UTF-8.") from None
    if not 0 < len(passphrase) <= _PASSPHRASE_MOST:
        raise TransferError(f"The first line of --passphrase-file {path} must be a passphrase.")
    return passphrase


@contextmanager
def written(path: str) -> Iterator[IO[bytes]]:
    """Yield a new file that only its owner can read, or a pipe. An incomplete file is deleted.

    Raises:
        TransferError: The file exists or cannot be created, or the output is a terminal.
    """
    if path == _PIPE:
        if sys.stdout.isatty():
            raise TransferError(
                "An export contains secrets and is not written to a terminal: name a file, or use a pipe."
            )
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise TransferError(f"{path} already exists and is not overwritten.") from None
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {_reason(error)}.") from None
    try:
        with open(descriptor, "wb") as out:  # noqa: PTH123 - it is a descriptor
            yield out
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        _delete(path)
        raise TransferError(f"{path} cannot be written: {_reason(error)}.") from None
    except BaseException:
        _delete(path)
        raise


def _delete(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Yield a file that can be read more than once. A pipe is copied to a private file first.

    Raises:
        TransferError: It cannot be read.
    """
    try:
        if path == _PIPE:
            with TemporaryFile() as kept:
                shutil.copyfileobj(sys.stdin.buffer, kept)
                kept.seek(0)
                yield kept
        else:
            with Path(path).open("rb") as source:
                yield source
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {_reason(error)}.") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
