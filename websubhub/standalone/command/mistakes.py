"""Errors that the user can fix, each with a message of one sentence."""

from websubhub.standalone.command.remote.error import RemoteError
from websubhub.standalone.ports import StoreError
from websubhub.standalone.settings import SettingsError
from websubhub.standalone.transfer.errors import TransferError


def sentence_of(error: Exception) -> str | None:
    """Return the message for an error, or None if it is not one that the user can fix."""
    if isinstance(error, SettingsError | StoreError | RemoteError | TransferError):
        return str(error)
    if isinstance(error, ImportError) and error.name == "websubsub":
        return error.msg
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    return None
