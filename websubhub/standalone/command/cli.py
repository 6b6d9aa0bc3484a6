"""The command ``websubhub``."""

import argparse
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Sequence

import attrs

from websubhub import run_app
from websubhub.standalone.command import doctor, logs, remote
from websubhub.standalone.ports import StoreError
from websubhub.standalone.runtime import run_hub
from websubhub.standalone.settings import Settings, SettingsError, flag, load

_MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 when it failed, 2 when it was used wrongly.

    Args:
        arguments: The words behind the command's name.
    """
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (SettingsError, StoreError, remote.RemoteError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.strerror or error}.")
    except KeyboardInterrupt:
        return 130
    return status


def _refuse(sentence: str) -> int:
    print(f"websubhub: {sentence}", file=sys.stderr)
    return _MISTAKE


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="websubhub", description="Run a WebSub hub, publish to one, and operate it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run a hub")
    _add_settings(serve)
    serve.set_defaults(run=_serve)
    show = commands.add_parser("demo", help="run a hub, a publisher and a subscriber on loopback, and show each step")
    show.set_defaults(run=_show)
    remote.add_commands(commands)
    examine = commands.add_parser("doctor", help="check the store, the public URL, a callback or a topic")
    doctor.add_arguments(examine)
    _add_settings(examine)
    examine.set_defaults(run=_examine)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="A TOML file with settings.")
    for field in attrs.fields(Settings):
        parser.add_argument(
            flag(field.name),
            help=f"{field.metadata['help']} Default: {_shown(field.default)}.".replace("%", "%%"),
            metavar=field.metadata.get("metavar", field.name.upper()),
            action="append" if field.metadata.get("many") else "store",
            default=argparse.SUPPRESS,
            nargs="?" if field.default is False else None,
            const="true" if field.default is False else None,
        )


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default) or "none"
    return {None: "none", False: "false"}.get(default, str(default)) if default in {None, False} else str(default)


def read_settings(options: argparse.Namespace) -> Settings:
    """The settings that the command line, the environment and the file give.

    Raises:
        SettingsError: One of them cannot be used.
    """
    names = {field.name for field in attrs.fields(Settings)}
    flags = {name: value for name, value in vars(options).items() if name in names}
    return load(flags, os.environ, options.config)


async def demo_hub(*, ready: Callable[[str], None]) -> None:
    """Run the hub that the demo shows: this one, on a free port of loopback, in memory."""
    await run_hub(Settings(port=0, store="memory:"), ready=ready)


def _show(_: argparse.Namespace) -> int:
    # A hub needs nothing of the subscriber that the demonstration brings along.
    from websubhub import demo  # noqa: PLC0415 - see above

    return demo.main(demo_hub, sys.stdout)


def _serve(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    logs.set_up(settings.log_format, settings.log_level)
    gc.disable()  # until it is ready: what is loaded stays

    async def hub(stop: Callable[[], Awaitable[object]]) -> None:
        await run_hub(settings, stop=stop, ready=announce)

    _run(hub, settings)
    return 0


def _run(hub: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], settings: Settings) -> None:
    try:
        run_app(hub, backend=settings.loop)
    except BaseExceptionGroup as group:
        error: BaseException = group
        # The one mistake that ended it, without the groups around it.
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


def announce(url: str) -> None:
    """Say that the hub accepts requests, now that all of it is there."""
    # What is there now stays for good. Each full collection would look at all of it, which holds up the loop for 20 ms.
    gc.collect()
    gc.freeze()
    gc.enable()
    print(f"ready: {url}", flush=True)


def _examine(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    findings: list[bool] = []

    async def examine(_: Callable[[], Awaitable[object]]) -> None:
        findings.extend(await doctor.examine(settings, callback=options.callback, topic=options.topic, out=sys.stdout))

    _run(examine, settings)
    return 0 if all(findings) else 1
