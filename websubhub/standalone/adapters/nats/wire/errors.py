"""Messages in streams, and errors that say why one cannot be stored."""

from attrs import field, frozen

from websubhub.standalone.ports import StoreError


@frozen
class Stored:
    """A message in a stream.

    Attributes:
        subject: Its subject.
        sequence: Its number in the stream.
        data: What it says, or nothing for the mark of a record that was deleted.
        headers: Its headers.
    """

    subject: str
    sequence: int
    data: bytes = field(repr=False)
    headers: dict[str, str] = field(factory=dict, repr=False)


class UnavailableError(StoreError):
    """The servers did not answer in time, or have no leader at present. It may have been done nevertheless."""

    public = "the hub can store nothing at present"


class SupersededError(StoreError):
    """Somebody else wrote to the subject since.

    Attributes:
        last: The last message of the subject, or None if there is none.
    """

    def __init__(self, last: Stored | None) -> None:
        super().__init__("Another process has written this record.")
        self.last = last
