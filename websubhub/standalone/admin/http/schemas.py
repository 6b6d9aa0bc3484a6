"""JSON schemas of the admin API's answers, generated from the records that they show."""

import types
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
CURSOR: Schema = {"type": ["string", "null"]}
_KINDS: Mapping[type, Schema] = {str: TEXT, bytes: TEXT, int: WHOLE, float: NUMBER, bool: FLAG}


def nullable(schema: Schema) -> Schema:
    """Return the schema of a value that may be missing."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(words: Iterable[str]) -> Schema:
    """Return the schema of one of several words."""
    return {"type": "string", "enum": list(words)}


def array(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def record(**fields: Schema) -> Schema:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": sorted(fields),
        "additionalProperties": False,
    }


def schema_of(shown: type, *, without: Collection[str] = (), **more: Schema) -> Schema:
    """Return the schema of a record as the admin API shows it.

    Args:
        shown: Its attrs class.
        without: The fields that are not shown.
        more: Additional fields.
    """
    hints = get_type_hints(shown)
    names = [field.name for field in attrs.fields(shown) if field.name not in without]
    return record(**{name: _of_field(name, hints[name]) for name in names}, **more)


def listing(name: str, items: Schema, **more: Schema) -> Schema:
    """Return the schema of a page of a list."""
    return record(**{name: array(items)}, next=CURSOR, **more)


def _of_field(name: str, kind: Any) -> Schema:
    if get_origin(kind) in {Union, types.UnionType}:
        [inner] = [each for each in get_args(kind) if each is not type(None)]
        return nullable(_of_field(name, inner))
    if name.endswith("_at"):
        return TIME
    if get_origin(kind) is tuple:
        return array(_of_field("", get_args(kind)[0]))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return one_of([each.value for each in kind])
    return _KINDS[kind]
