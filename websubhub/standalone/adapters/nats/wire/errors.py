"""Messages in streams, and errors that say why one cannot be stored."""

from collections.abc import Mapping

from attrs import field, frozen

from websubhub.standalone.ports import StoreError


@frozen
class Stored:
    """A message in a stream.

    Attributes:
        subject: Its subject.
        sequence: Its number in the stream.
        data: Its data; empty for the mark of a deleted record.
        headers: Its headers.
    """

    subject: str
    sequence: int
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)


class UnavailableError(StoreError):
    """The servers did not answer in time, or have no leader now. The operation may still have succeeded."""

    public = "the hub can store nothing at present"


class SupersededError(StoreError):
    """Another process has written to the subject since.

    Attributes:
        last: The last message of the subject, or None if there is none.
    """

    def __init__(self, last: Stored | None) -> None:
        super().__init__("Another process has written this record.")
        self.last = last
