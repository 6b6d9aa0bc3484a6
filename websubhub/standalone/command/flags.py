"""Flags that several subcommands share: the settings of a hub, or the hub to contact."""

import argparse
import os
from typing import Any

import attrs

from websubhub.standalone.setting_definitions import ENVIRONMENT_PREFIX, Group, flag, variable
from websubhub.standalone.setting_sources import load, sources, unknown_variables
from websubhub.standalone.setting_values import Choice
from websubhub.standalone.settings import Settings, SettingsError

_DEFAULT_HUB = "http://127.0.0.1:8080/hub"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting, grouped under headings."""
    parser.usage = "%(prog)s [OPTIONS]"  # listing every flag would fill a page
    parser.add_argument(
        "--config", metavar="FILE", help=f"A TOML file with settings. [env: {ENVIRONMENT_PREFIX}CONFIG]"
    )
    for group in Group:
        fields = [field for field in attrs.fields(Settings) if field.metadata["group"] is group]
        headed = parser.add_argument_group(group.lower())
        for field in fields:
            _add_setting(headed, field)


def _add_setting(parser: "argparse._ArgumentGroup", field: "attrs.Attribute[Any]") -> None:
    is_switch = field.default is False
    shown = f"{field.metadata['help']} [default: {_shown(field.default)}] [env: {variable(field.name)}]"
    parser.add_argument(
        flag(field.name),
        help=shown.replace("%", "%%"),
        metavar=_metavar(field),
        action="append" if field.metadata.get("many") else "store",
        default=argparse.SUPPRESS,
        nargs="?" if is_switch else None,
        const="true" if is_switch else None,
    )


def _metavar(field: "attrs.Attribute[Any]") -> str:
    parse = field.metadata["parse"]
    if isinstance(parse, Choice):
        return "{" + ",".join(parse.words) + "}"
    if field.default is False:
        return "{true,false}"
    short = "SECONDS" if field.name.endswith("_seconds") else "N"
    name = short if isinstance(field.default, int | float) else field.name.upper()
    return str(field.metadata.get("metavar", name))


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


def ignored_variables() -> list[str]:
    """Return a sentence for each variable that has the prefix of settings but is not one."""
    return [f"{name} is not a setting and is ignored." for name in unknown_variables(os.environ)[1]]


def read_sources(options: argparse.Namespace) -> dict[str, str]:
    """Return the source of each setting that is not a default, by name."""
    return sources(_given(options), os.environ, options.config)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(Settings)}
    return {name: value for name, value in vars(options).items() if name in names}


def check_environment() -> None:
    """Check the environment variables, for a command that contacts a running hub.

    Raises:
        SettingsError: A variable looks like a misspelt setting.
    """
    misspelt, _ = unknown_variables(os.environ)
    if misspelt:
        raise SettingsError("\n".join(misspelt))


def add_hub(command: argparse.ArgumentParser, setting: str, what: str) -> None:
    """Add the flags for the hub to contact and the token to use.

    Args:
        command: The parser of the subcommand.
        setting: The setting whose environment variable holds the token.
        what: What the token is, for the help.
    """
    hub = os.environ.get(f"{ENVIRONMENT_PREFIX}HUB") or _DEFAULT_HUB
    shown = hub.replace("%", "%%")
    command.add_argument(
        "--hub",
        metavar="URL",
        default=hub,
        help=f"the URL of the hub [default: {shown}] [env: {ENVIRONMENT_PREFIX}HUB]",
    )
    name = variable(setting)
    command.add_argument("--token", metavar="TOKEN", default=os.environ.get(name), help=f"{what} [env: {name}]")
