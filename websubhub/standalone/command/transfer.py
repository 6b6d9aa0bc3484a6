"""``websubhub export`` and ``websubhub import``: move what a hub knows from one store to another, by a file."""

import argparse
import sys
from collections.abc import Awaitable, Callable

from websubhub.standalone.command.flags import add_settings, ignored_variables, read_settings

TYPE_CHECKING = False  # what it names is loaded when it is used
if TYPE_CHECKING:
    from websubhub.standalone.settings import Settings
    from websubhub.standalone.transfer.exporting import LeftBehind
    from websubhub.standalone.transfer.files import FileWriter
    from websubhub.standalone.transfer.importing import Imported

_LOOK_SECONDS = 0.2
_DRAIN_MOST_SECONDS = 31_536_000


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    parser.add_argument("file", metavar="FILE", help="The file to write, which must not be there, or - for a pipe.")
    parser.add_argument("--passphrase-file", metavar="PATH", help="Encrypt with the first line of this file.")
    parser.add_argument(
        "--drain",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="First deliver what is owed, for at most so long, without taking requests.",
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
    _tell("The hub is running. What changes from now on may be missing in the file.")
    async with open_store(settings, takes_part=False) as store:
        return await export(store, writer)


async def _drain(settings: "Settings", seconds: float) -> None:
    """Run the hub without anything that it could be asked through, until it owes nothing, or for a time."""
    import anyio  # noqa: PLC0415 - as above

    from websubhub.standalone.command.doctor import base_of  # noqa: PLC0415 - as above
    from websubhub.standalone.reach import Reach  # noqa: PLC0415 - as above
    from websubhub.standalone.running import running  # noqa: PLC0415 - as above

    url = settings.url_at(base_of(settings))
    async with running(settings, url, Reach(url, None)) as hub:
        with anyio.move_on_after(seconds):
            while await hub.owed():  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(_LOOK_SECONDS)


def _tell_left(left: "LeftBehind") -> None:
    if left.waiting or left.partial:
        most = " or more, since a process of the hub did not answer," if left.partial else ""
        _tell(
            f"{left.waiting} deliveries{most} are still owed and are not in the file. "
            "They stay in this store: deliver them with --drain, or by running this hub on."
        )
    if left.dead_letters or left.dead_announcements:
        _tell(
            f"{left.dead_letters} dead letters and {left.dead_announcements} dead announcements are not in the file. "
            "They stay in this store."
        )
    if left.expired:
        _tell(f"{left.expired} subscriptions whose lease has ended are not in the file.")
    if left.unreadable:
        _tell(f"{left.unreadable} records are not in the file, since they are not what a hub accepts.")


def _summary(counts: dict[str, int]) -> str:
    """Return the numbers of records in words."""
    kinds = {"topic": "topics", "subscription": "subscriptions", "verification": "verifications"}
    kinds |= {"announced": "announced topics", "paused": "paused hosts"}
    return ", ".join(f"{counts.get(kind, 0):,} {words}" for kind, words in kinds.items())


def _tell(sentence: str) -> None:
    """Tell a person, on the stream that is never a file of records."""
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
        _tell(f"{imported.known:,} subscriptions and verifications were there already, and stay as they are.")
    if imported.expired:
        _tell(f"{imported.expired:,} subscriptions were left out, since their lease has ended.")
    _tell(f"Imported {_summary(imported.counts)}.")
