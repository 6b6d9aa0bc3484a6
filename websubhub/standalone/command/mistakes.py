"""What a person did wrong, told in a sentence."""

from websubhub.standalone.ports import StoreError
from websubhub.standalone.settings import SettingsError


class RemoteError(Exception):
    """A command that could not be carried out; its text is one sentence for the person who gave it."""


def sentence_of(error: Exception) -> str | None:
    """What to say about an error, or None if nobody who uses the command can do anything about it."""
    if isinstance(error, SettingsError | StoreError | RemoteError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    return None
