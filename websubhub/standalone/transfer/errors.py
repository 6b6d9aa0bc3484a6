"""The error of a file that cannot be used."""

from websubhub import WebSubError


class TransferError(WebSubError):
    """A file cannot be written or read. The message is one sentence for the user."""
