"""``websubhub export`` and ``websubhub import``: move the state of a hub from one store to another, through a file."""

import argparse
import sys
from collections.abc import Awaitable, Callable

from websubhub.standalone.command.flags import add_settings, ignored_variables, read_settings

TYPE_CHECKING = False  # what these are loaded when they are used
if TYPE_CHECKING:
    from websubhub.standalone.settings import Settings
    from websubhub.standalone.transfer.exporting import LeftBehind
    from websubhub.standalone.transfer.files import FileWriter
    from websubhub.standalone.transfer.importing import Imported

_LOOK_SECONDS = 0.2
_DRAIN_MOST_SECONDS = 31_536_000


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    parser.add_argument("file", metavar="FILE", help="The file to write, which must not exist yet, or - for a pipe.")
    parser.add_argument("--passphrase-file", metavar="PATH", help="Encrypt with the first line of this file.")
    parser.add_argument(
        "--drain",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="First make the deliveries that are waiting, for at most this long, without accepting requests.",
    )
    add_settings(parser)
    parser.set_defaults(run=_run_export)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _DRAIN_MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"must be a number of seconds up to a year, not {text}")
    return seconds


def _run_export(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    for sentence in ignored_variables():
        _tell(sentence)
    # Imported when needed, so that help and mistakes are shown at once.
    from websubhub import run_app  # noqa: PLC0415 - see above
    from websubhub.standalone.transfer.files import FileWriter  # noqa: PLC0415 - see above
    from websubhub.standalone.transfer.places import passphrase_of, written  # noqa: PLC0415 - see above

    passphrase = passphrase_of(options.passphrase_file)
    with written(options.file) as out:
        writer = FileWriter(out, passphrase)

        async def work(_: Callable[[], Awaitable[object]]) -> None:
            if options.drain:
                await _drain(settings, options.drain)
            _tell_left(await _export(settings, writer))

        run_app(work, backend=settings.loop)
    _tell(f"Exported {_summary(writer.counts)}.")
    return 0


async def _export(settings: "Settings", writer: "FileWriter") -> "LeftBehind":
    from websubhub.standalone.backends import open_store  # noqa: PLC0415 - as above
    from websubhub.standalone.ports import StoreLockedError  # noqa: PLC0415 - as above
    from websubhub.standalone.stores import kind_of  # noqa: PLC0415 - as above
    from websubhub.standalone.transfer.exporting import export  # noqa: PLC0415 - as above

    kind = kind_of(settings.store)
    try:
        async with open_store(settings, alone=True) as store:
            return await export(store, writer)
    except StoreLockedError:
        if kind is None or not kind.shared:
            raise
    _tell("The hub is running. Later changes may be missing from the file.")
    async with open_store(settings, takes_part=False) as store:
        return await export(store, writer)


async def _drain(settings: "Settings", seconds: float) -> None:
    """Run the hub without accepting requests, until no delivery is waiting, but no longer than so many seconds."""
    import anyio  # noqa: PLC0415 - as above

    from websubhub.standalone.command.doctor import base_of  # noqa: PLC0415 - as above
    from websubhub.standalone.reach import Reach  # noqa: PLC0415 - as above
    from websubhub.standalone.running import running  # noqa: PLC0415 - as above

    url = settings.url_at(base_of(settings))
    async with running(settings, url, Reach(url, None)) as hub:
        with anyio.move_on_after(seconds):
            while await hub.owed():  # noqa: ASYNC110 - there is no signal for it
                await anyio.sleep(_LOOK_SECONDS)


def _tell_left(left: "LeftBehind") -> None:
    if left.waiting or left.partial:
        more = " (or more: a process of the hub did not answer)" if left.partial else ""
        _tell(
            f"{_some(left.waiting, 'delivery is', 'deliveries are')} still waiting{more} and not in the file. "
            "To make them, use --drain, or run this hub again."
        )
    if left.dead_letters or left.dead_announcements:
        letters = _some(left.dead_letters, "dead letter", "dead letters")
        announcements = _some(left.dead_announcements, "dead announcement", "dead announcements")
        _tell(f"{letters} and {announcements} are not in the file. They stay in this store.")
    if left.expired:
        _tell(f"{_some(left.expired, 'expired subscription is', 'expired subscriptions are')} not in the file.")
    if left.unreadable:
        _tell(f"{_some(left.unreadable, 'record is', 'records are')} not in the file, because a hub would reject such.")


def _some(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _summary(counts: dict[str, int]) -> str:
    """Return the counts of the records as text."""
    words = {
        "topic": ("topic", "topics"),
        "subscription": ("subscription", "subscriptions"),
        "verification": ("verification", "verifications"),
        "announced": ("announced topic", "announced topics"),
        "paused": ("paused host", "paused hosts"),
    }
    return ", ".join(_some(counts.get(kind, 0), *each) for kind, each in words.items())


def _tell(sentence: str) -> None:
    """Print a line to stderr, because stdout may be the file."""
    print(f"websubhub: {sentence}", file=sys.stderr)


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``import``."""
    parser.add_argument("file", metavar="FILE", help="The file that export wrote, or - for a pipe.")
    parser.add_argument("--passphrase-file", metavar="PATH", help="Decrypt with the first line of this file.")
    add_settings(parser)
    parser.set_defaults(run=_run_import)


def _run_import(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    for sentence in ignored_variables():
        _tell(sentence)
    # Imported when needed, so that help and mistakes are shown at once.
    from websubhub import run_app  # noqa: PLC0415 - see above
    from websubhub.standalone.backends import open_store  # noqa: PLC0415 - see above
    from websubhub.standalone.transfer.files import read_file  # noqa: PLC0415 - see above
    from websubhub.standalone.transfer.importing import import_into  # noqa: PLC0415 - see above
    from websubhub.standalone.transfer.places import opened, passphrase_of  # noqa: PLC0415 - see above

    passphrase = passphrase_of(options.passphrase_file)
    with opened(options.file) as source:
        for _ in read_file(source, passphrase):
            pass  # all of it is checked before anything is stored
        source.seek(0)
        found: list[Imported] = []

        async def work(_: Callable[[], Awaitable[object]]) -> None:
            async with open_store(settings, alone=True) as store:
                found.append(await import_into(store, read_file(source, passphrase)))

        run_app(work, backend=settings.loop)
    for imported in found:
        _tell_imported(imported)
    return 0 if found else 1


def _tell_imported(imported: "Imported") -> None:
    if imported.known:
        _tell(f"{_some(imported.known, 'record was', 'records were')} already in the store, in this or a newer state.")
    if imported.expired:
        _tell(f"{_some(imported.expired, 'expired subscription was', 'expired subscriptions were')} left out.")
    _tell(f"Imported {_summary(imported.counts)}.")
