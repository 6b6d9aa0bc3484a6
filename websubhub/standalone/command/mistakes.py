"""Errors of the user, each with a message of one sentence."""

from websubhub.standalone.ports import StoreError
from websubhub.standalone.settings import SettingsError


class RemoteError(Exception):
    """A command could not be carried out. The message is one sentence for the user."""


def sentence_of(error: Exception) -> str | None:
    """Return the message for an error, or None if it is not one that the user can fix."""
    if isinstance(error, SettingsError | StoreError | RemoteError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    return None
