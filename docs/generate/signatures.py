"""Signatures as text, and as rows of arguments to describe."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from _websub.asgi.edge import AsgiApp
from _websub.http import Headers
from docs.generate import docstrings
from websubhub import Payload

_MODULES = re.compile(r"\b(?:_websub|websubhub|websubsub|collections|typing|types|xml)(?:\.[a-z_]\w*)*\.(?=[A-Z])")
_LINE = 100

#: Types made of other types, which pages show by their names.
_ALIASES = {"Payload": Payload, "AsgiApp": AsgiApp}
#: A type that an annotation names as text because its library is loaded later. Pages show it with that library.
_LOADED_LATER = re.compile(r"\b(?<!httpx\.)AsyncClient\b")


@attrs.frozen
class Row:
    """An argument or a field.

    Attributes:
        name: Its name.
        kind: Its type.
        default: Its default, as code, or empty if it is required.
        meaning: The description in the docstring, or empty if there is none.
    """

    name: str
    kind: str
    default: str
    meaning: str


def kind_of(annotation: object) -> str:
    """Return a type as users write it."""
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, str):
        return _LOADED_LATER.sub("httpx.AsyncClient", annotation)
    text = written(annotation)
    for name, alias in _ALIASES.items():
        if text.startswith(written(alias)):
            text = text.replace(written(alias), name, 1)
    return text


def written(annotation: object) -> str:
    """Return a type in full, without the modules of its parts."""
    return _MODULES.sub("", inspect.formatannotation(annotation).replace("NoneType", "None")).replace("~", "")


def rows_of(value: Any) -> list[Row]:
    """Return the arguments that create or call something."""
    if isinstance(value, type) and attrs.has(value):
        return list(_fields(value))
    meanings = _meanings(value)
    return [
        Row(
            parameter.name, kind_of(parameter.annotation), _default(parameter.default), meanings.get(parameter.name, "")
        )
        for parameter in _parameters(value)
    ]


def _parameters(value: Callable[..., object]) -> list[inspect.Parameter]:
    return [each for each in inspect.signature(value).parameters.values() if each.name != "self"]


def _fields(value: type) -> Iterator[Row]:
    meanings = _meanings(value)
    for field in attrs.fields(value):
        made = not field.init and hasattr(field.default, "factory")
        if field.name.startswith("_") or (made and field.name not in meanings):
            continue
        default = "" if made else _default(field.default) if field.init else f"{_default(field.default)}, always"
        yield Row(field.name, kind_of(field.type), default, meanings.get(field.name, ""))


def _meanings(value: object) -> dict[str, str]:
    """Return descriptions by name. The docstring of a class takes precedence over those of its bases."""
    owners = reversed(value.__mro__) if isinstance(value, type) else (value,)
    meanings: dict[str, str] = {}
    for owner in owners:
        if owner is not object:
            meanings |= docstrings.read(owner).described
    return meanings


def _default(default: object) -> str:
    if default is inspect.Parameter.empty or default is attrs.NOTHING:
        return ""
    factory = getattr(default, "factory", None)
    if factory is not None and getattr(default, "takes_self", False):
        return "computed"
    if factory is not None:
        return "a new one" if factory.__name__ == "<lambda>" else f"`{factory.__name__}()`"
    return f"`{_literal(default)}`"


def _literal(value: object) -> str:
    if isinstance(value, Headers):
        return "Headers()"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, frozenset):
        return f"{{{', '.join(repr(each) for each in sorted(value))}}}"
    return str(getattr(value, "__name__", None) or repr(value))


def signature_of(name: str, value: Callable[..., object]) -> str:
    """Return a call with all arguments, as users would write it."""
    parts: list[str] = []
    starred = False
    for each in _parameters(value):
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            parts.append(f"*{each.name}")
            starred = True
            continue
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(each.name if each.default is inspect.Parameter.empty else f"{each.name}=...")
    result = kind_of(inspect.signature(value).return_annotation)
    arrow = f" -> {result}" if result and not isinstance(value, type) else ""
    prefix = "await " if inspect.iscoroutinefunction(value) else ""
    line = f"{prefix}{name}({', '.join(parts)}){arrow}"
    if len(line) <= _LINE:
        return line
    inner = "".join(f"    {part},\n" for part in parts)
    return f"{prefix}{name}(\n{inner}){arrow}"
