"""Checks of a service class when it is defined, so that a mistake is found before the first request."""

import difflib
import inspect
import types
import typing
from collections.abc import Iterable, Sequence

from _websub.outcome import Hook

_FREE = (typing.Any, typing.NoReturn, typing.Never, Exception)


def check_hooks(service: type, base: type, hooks: Sequence[Hook], *, abstract: bool = False) -> None:
    """Raise ``TypeError`` if the hooks of a service class cannot work.

    Args:
        service: The new class.
        base: The framework's class that it derives from.
        hooks: The hook table of ``base``.
        abstract: Whether required hooks may still be missing.

    Raises:
        TypeError: A required hook is missing, a name is not a hook, or a hook has the wrong form. The message says
            what to do.
    """
    known = {hook.name: hook for hook in hooks}
    for name, value in _own_attributes(service, base):
        if name in known:
            _check_form(service, known[name], value)
        elif callable(value) or isinstance(value, classmethod | staticmethod | property):
            raise TypeError(_unknown(service, name, known))
    missing = [hook.name for hook in hooks if hook.required and getattr(service, hook.name) is getattr(base, hook.name)]
    if missing and not abstract:
        raise TypeError(
            f"{service.__name__} must implement {', '.join(missing)}; "
            f"if it is only a base of other classes, write class {service.__name__}({base.__name__}, abstract=True)"
        )


def _own_attributes(service: type, base: type) -> Iterable[tuple[str, object]]:
    for owner in service.__mro__:
        if owner not in base.__mro__:
            yield from ((name, value) for name, value in vars(owner).items() if name.startswith("on_"))


def _unknown(service: type, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"the hooks are {', '.join(known)}"
    return f"{service.__name__}.{name} is not a hook; {hint}"


def _check_form(service: type, hook: Hook, value: object) -> None:
    where = f"{service.__name__}.{hook.name}"
    if not isinstance(value, types.FunctionType):
        raise TypeError(f"{where} must be a plain method: async def {hook.name}(self, message)")
    if not inspect.iscoroutinefunction(value):
        raise TypeError(f"{where} must be async: write async def {hook.name}(self, message)")
    parameters = list(inspect.signature(value).parameters.values())
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    if len(parameters) != 2 or any(parameter.kind not in positional for parameter in parameters):  # noqa: PLR2004
        raise TypeError(f"{where} must take (self, message) and nothing else; request headers are message.headers")
    _check_annotations(where, hook, value, parameters[1].name)


def _check_annotations(where: str, hook: Hook, function: types.FunctionType, message: str) -> None:
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - a name that only type checkers know, so they check it
        return
    allowed = (*hook.successes, *hook.errors)
    for part in _parts(hints.get("return", typing.Any)):
        if part in _FREE or (isinstance(part, type) and issubclass(part, allowed)):
            continue
        names = " | ".join("None" if kind is types.NoneType else kind.__name__ for kind in allowed)
        raise TypeError(f"{where} is annotated to return {getattr(part, '__name__', part)}; it may return {names}")
    for part in _parts(hints.get(message, typing.Any)):
        if part is not typing.Any and part is not object and part is not hook.message:
            raise TypeError(f"{where} takes a {hook.message.__name__}, not a {getattr(part, '__name__', part)}")


def _parts(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return typing.get_args(annotation)
    return (types.NoneType if annotation is None else annotation,)
