"""Flags of several subcommands: the settings of a hub, or the hub to ask."""

import argparse
import os
from typing import Any

import attrs

from websubhub.standalone.settings import ENVIRONMENT_PREFIX, Settings, flag, load, sources

_DEFAULT_HUB = "http://127.0.0.1:8080/hub"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting."""
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
    """Return the settings from the command line, the environment and the file.

    Raises:
        SettingsError: A setting cannot be used.
    """
    return load(_given(options), os.environ, options.config)


def read_sources(options: argparse.Namespace) -> dict[str, str]:
    """Return where each setting that is not a default comes from, by name."""
    return sources(_given(options), os.environ, options.config)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(Settings)}
    return {name: value for name, value in vars(options).items() if name in names}


def add_hub(command: argparse.ArgumentParser, variable: str, what: str) -> None:
    """Add the flags for the hub to ask and the token.

    Args:
        command: The parser of the subcommand.
        variable: The setting whose environment variable has the token.
        what: What the token is, for help.
    """
    hub = os.environ.get(f"{ENVIRONMENT_PREFIX}PUBLIC_URL", _DEFAULT_HUB)
    shown = hub.replace("%", "%%")
    command.add_argument("--hub", metavar="URL", default=hub, help=f"the URL of the hub; by default {shown}")
    name = ENVIRONMENT_PREFIX + variable
    command.add_argument("--token", metavar="TOKEN", default=os.environ.get(name), help=f"{what}; by default ${name}")
