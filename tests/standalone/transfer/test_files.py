"""The file of an export: whatever is wrong with it is said in a sentence, before anything is read from it."""

import io
import json
from collections.abc import Callable

import pytest

from websubhub.standalone.ports import PendingVerification, StoredSubscription, Topic
from websubhub.standalone.ports.requests import Mode
from websubhub.standalone.transfer.errors import TransferError
from websubhub.standalone.transfer.files import FileWriter, read_file
from websubhub.standalone.transfer.records import AnnouncedRecord, PausedRecord, Record, TopicRecord

PASSPHRASE = "correct horse battery staple"
SECRET = "a-secret-that-must-not-be-seen"
RECORDS: list[Record] = [
    TopicRecord(Topic(url="https://topic.example/")),
    *(
        StoredSubscription(
            topic="https://topic.example/",
            callback=f"https://sub.example/{number}",
            secret=SECRET,
            lease_seconds=10,
            requested_at=1.5,
        )
        for number in range(1_000)
    ),
    PendingVerification(
        id="i", mode=Mode.SUBSCRIBE, topic="https://t.example/", callback="https://c.example/", due_at=1
    ),
    AnnouncedRecord("https://topic.example/"),
    PausedRecord("sub.example"),
]


def written(records: list[Record] = RECORDS, passphrase: str | None = None) -> bytes:
    out = io.BytesIO()
    writer = FileWriter(out, passphrase)
    for record in records:
        writer.write(record)
    writer.end()
    return out.getvalue()


def read(data: bytes, passphrase: str | None = None) -> list[Record]:
    return list(read_file(io.BytesIO(data), passphrase))


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_what_is_written_is_read(passphrase: str | None) -> None:
    assert read(written(passphrase=passphrase), passphrase) == RECORDS


def test_an_encrypted_file_says_nothing_without_its_passphrase() -> None:
    data = written(passphrase=PASSPHRASE)
    assert SECRET.encode() in written()
    assert SECRET.encode() not in data
    assert b"sub.example" not in data
    with pytest.raises(TransferError, match="--passphrase-file"):
        read(data)
    with pytest.raises(TransferError, match="passphrase is wrong"):
        read(data, "another passphrase")


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(TransferError, match="12 characters"):
        written(passphrase="short")


def _line(data: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    lines[number] = change(lines[number])
    return b"".join(lines)


def _values(line: bytes, **changes: object) -> bytes:
    [(name, values)] = json.loads(line).items()
    return json.dumps({name: values | changes}).encode() + b"\n"


WRONG: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda _: b"", "not written by websubhub export"),
    (lambda _: b"SQLite format 3\0" + bytes(5_000), "not written by websubhub export"),
    (lambda _: b"[" * 4_000 + b"\n", "not written by websubhub export"),
    (lambda data: data.replace(b'"version":1', b'"version":2', 1), "newer version"),
    (lambda data: data[: len(data) // 2], "cut off"),
    (lambda data: data[: data.rindex(b'{"end"')], "cut off"),
    (lambda data: data + b'{"paused":{"host":"x.example"}}\n', "continues after its last line"),
    (lambda data: _line(data, 5, lambda line: line.replace(b"sub.example", b"sub.exampla")), "does not match"),
    (lambda data: _line(data, 5, lambda _: b""), "does not match"),
    (lambda data: _line(data, 5, lambda _: b"{}\n"), "Line 6 of the file is damaged"),
    (lambda data: _line(data, 5, lambda _: b"\xff\n"), "Line 6 of the file is damaged"),
    (lambda data: _line(data, 5, lambda _: b"[" * 200_000 + b"\n"), "Line 6 of the file is damaged"),
    (lambda data: _line(data, 5, lambda _: b'{"other":{}}\n'), "Record 5 .* other is not a kind of record"),
    (lambda data: _line(data, 5, lambda _: b'{"subscription":[]}\n'), "Record 5 .* not an object"),
    (lambda data: _line(data, 5, lambda _: b'{"subscription":{}}\n'), "Record 5 .* topic is missing"),
    *(
        (lambda data, name=name, value=value: _line(data, 5, lambda line: _values(line, **{name: value})), said)
        for name, value, said in [
            ("callback", "ftp://x.example/", "callback is not a URL"),
            ("callback", 5, "callback is not a URL"),
            ("secret", "a\r\nb", "secret is not a text"),
            ("secret", "\ud800", "secret is not a text"),
            ("secret", "x" * 5_000, "secret is not a text"),
            ("lease_seconds", -1, "lease_seconds is not a whole number"),
            ("lease_seconds", True, "lease_seconds is not a whole number"),
            ("requested_at", float("nan"), "requested_at is not a number"),
            ("requested_at", 1e300, "requested_at is not a number"),
        ]
    ),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[f"{number}-{said}" for number, (_, said) in enumerate(WRONG)])
def test_what_is_wrong_with_a_file_is_said(change: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(TransferError, match=said) as raised:
        read(change(written()))
    assert SECRET not in str(raised.value)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    "header", [{"cost": 2**30}, {"cost": "x"}, {"cost": 3}, {"salt": "AAAA"}, {"salt": 5}, {"salt": "?"}]
)
def test_a_file_cannot_make_its_key_expensive(header: dict[str, object]) -> None:
    def change(line: bytes) -> bytes:
        said = json.loads(line)
        said["encrypted"] |= header
        return json.dumps(said).encode() + b"\n"

    with pytest.raises(TransferError, match="does not say how it was encrypted"):
        read(_line(written(passphrase=PASSPHRASE), 0, change), PASSPHRASE)


def test_tokens_cannot_change_places() -> None:
    lines = written(passphrase=PASSPHRASE).splitlines(keepends=True)
    assert len(lines) > 3
    lines[1], lines[2] = lines[2], lines[1]
    with pytest.raises(TransferError):
        read(b"".join(lines), PASSPHRASE)
