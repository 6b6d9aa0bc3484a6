"""``websubhub import``: read what another hub knew into the store of this one."""

import argparse
from collections.abc import Awaitable, Callable

from websubhub.standalone.command.exporting import summary, tell
from websubhub.standalone.command.flags import add_settings, ignored_variables, read_settings

TYPE_CHECKING = False  # what it names is loaded when it is used
if TYPE_CHECKING:
    from websubhub.standalone.transfer.importing import Imported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``import``."""
    parser.add_argument("file", metavar="FILE", help="The file that export wrote, or - for a pipe.")
    parser.add_argument("--passphrase-file", metavar="PATH", help="Decrypt with the first line of this file.")
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    for sentence in ignored_variables():
        tell(sentence)
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
        _tell(imported)
    return 0 if found else 1


def _tell(imported: "Imported") -> None:
    if imported.known:
        tell(f"{imported.known:,} subscriptions and verifications were there already, and stay as they are.")
    if imported.expired:
        tell(f"{imported.expired:,} subscriptions were left out, since their lease has ended.")
    tell(f"Imported {summary(imported.counts)}.")
