"""The sources of settings: flags, then the environment, then a file, then the defaults."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from websubhub.standalone.setting_definitions import ENVIRONMENT_PREFIX, flag, variable
from websubhub.standalone.settings import Settings, SettingsError

_FILE_LIMIT = 1_048_576
#: Variables that the commands read, but that are not settings of a hub.
_CONFIG, _HUB = f"{ENVIRONMENT_PREFIX}CONFIG", f"{ENVIRONMENT_PREFIX}HUB"


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: str | None = None) -> Settings:
    """Return the settings from all their sources.

    Args:
        flags: The text of each setting given on the command line; a list of texts for a repeatable setting.
        environment: The environment.
        file: The path of a TOML file. The default is ``WEBSUBHUB_CONFIG``.

    Raises:
        SettingsError: Settings cannot be used. The message has a line for each mistake, which names its source.
    """
    mistakes, _ = unknown_variables(environment)
    values: dict[str, Any] = {}
    for field, value, source in _given(flags, environment, file, mistakes):
        try:
            values[field.name] = _read(field, value)
        except SettingsError as error:
            # The value of a secret is not repeated, since errors end up in logs.
            mistakes.append(f"{source} {error}.")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**values)


def sources(flags: Mapping[str, Any], environment: Mapping[str, str], file: str | None = None) -> dict[str, str]:
    """Return the source of each setting that is not a default, by name.

    The arguments are the same as for ``load``.
    """
    return {field.name: source for field, _, source in _given(flags, environment, file, [])}


def _given(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: str | None, mistakes: list[str]
) -> Iterator[tuple["attrs.Attribute[Any]", Any, str]]:
    """Yield each given setting with its unparsed value and its source, and add the file's mistakes to ``mistakes``."""
    path = file or environment.get(_CONFIG)
    from_file = _read_file(path, mistakes) if path else {}
    for field in attrs.fields(Settings):
        named = variable(field.name)
        if field.name in flags:
            yield field, flags[field.name], flag(field.name)
        elif named in environment:
            text = environment[named]
            yield field, text.split() if field.metadata.get("many") else text, named
        elif field.name in from_file:
            yield field, from_file[field.name], f"{field.name} in {path}"


def unknown_variables(environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return a sentence for each variable that looks like a misspelt setting, and the names of other unknown variables.

    A variable that resembles no setting may have another purpose: a cluster, for example, sets several per service.
    """
    known = {variable(field.name) for field in attrs.fields(Settings)} | {_CONFIG, _HUB}
    misspelt, others = [], []
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            close = _similar(
                name.removeprefix(ENVIRONMENT_PREFIX), (each.removeprefix(ENVIRONMENT_PREFIX) for each in known)
            )
            if close is None:
                others.append(name)
            else:
                misspelt.append(f"{name} is not a setting; did you mean {ENVIRONMENT_PREFIX}{close}?")
    return misspelt, others


def _similar(name: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return close[0] if close else None


def _read(field: "attrs.Attribute[Any]", value: Any) -> Any:
    parse = cast("Callable[[str], Any]", field.metadata["parse"])
    if field.metadata.get("many"):
        items = value if isinstance(value, list) else [value]
        return tuple(parse(_text(item)) for item in items)
    return parse(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        raise SettingsError("must not be a table")
    return str(value)


def _read_file(path: str, mistakes: list[str]) -> dict[str, Any]:
    """Return the settings in a TOML file by name, and add its mistakes to ``mistakes``."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_FILE_LIMIT).decode()
        table = tomllib.loads(text)
    except OSError as error:
        mistakes.append(f"The configuration file {path} cannot be read: {error.strerror}.")
        return {}
    except ValueError as error:
        mistakes.append(f"The configuration file {path} is not valid TOML: {error}.")
        return {}
    known = [field.name for field in attrs.fields(Settings)]
    values = {name.replace("-", "_"): value for name, value in table.items()}
    for name in values:
        if name not in known:
            close = _similar(name, known)
            hint = f"; did you mean {close}?" if close else "."
            mistakes.append(f"The configuration file {path} has an unknown setting {name}{hint}")
    return values
