"""The hook table as a page."""

from collections.abc import Sequence
from types import NoneType

import attrs

from _websub.outcome import Hook
from docs.generate import docstrings
from docs.generate.sections import table

HUB = """# Hooks of a hub

A hub is a subclass of `HubService`, and a hook is one of the methods below: `async def on_x(self, message)`.
The headers of the request are `message.headers`.
A hook can return or raise its errors.
Only the errors listed for a hook send their reason to the other side.
Any other exception is logged and answered with the fixed text in the last column.
[Answers](answers.md) shows each outcome on the wire.

Creating a subclass raises a `TypeError` that says what to do, if

- a required hook is missing,
- a method `on_...` is not a hook,
- a hook is not `async`, or takes arguments other than `(self, message)`,
- a hook is annotated with types that it cannot take or return.

For a class that only serves as a base, write `class Base(HubService, abstract=True)`."""


@attrs.frozen(kw_only=True)
class Side:
    """The differences between the pages of a hub's and a subscriber's hooks.

    Attributes:
        head: The beginning of the page.
        messages: The page of the messages.
        errors: The page of the errors.
    """

    head: str = HUB
    messages: str = "messages.md"
    errors: str = "errors.md"


def hooks_page(service: type, hooks: Sequence[Hook], side: Side | None = None) -> list[str]:
    """Return the page of a service's hooks as lines.

    Args:
        service: The service.
        hooks: Its hook table.
        side: The side that the hooks belong to, by default a hub.
    """
    side = side or Side()
    rows = [
        (f"[`{hook.name}`](#{hook.name})", "yes" if hook.required else "", _link(hook.message, side), hook.reason)
        for hook in hooks
    ]
    lines = [*side.head.split("\n"), *table(("Hook", "Required", "Message", "Any other error"), rows)]
    for hook in hooks:
        lines += ["", f"## {hook.name}", "", *_hook(service, hook, side)]
    return lines


def _hook(service: type, hook: Hook, side: Side) -> list[str]:
    said = docstrings.read(getattr(service, hook.name))
    yes = [_link(kind, side) for kind in hook.successes]
    no = [f"{_link(error, side)} ({error.status})" for error in hook.errors]
    return [
        "```text",
        f"async def {hook.name}(self, message)",
        "```",
        "",
        said.summary,
        *table(
            ("", ""),
            [
                ("message", _link(hook.message, side)),
                ("yes", ", ".join(yes)),
                ("no", ", ".join(no)),
                ("any other error", f'{_link(hook.failure, side)} with "{hook.reason}"'),
                ("if it is missing", "creating the class fails" if hook.required else "the answer is always yes"),
            ],
        ),
    ]


def _link(kind: type, side: Side) -> str:
    if kind is NoneType:
        return "`None`"
    page = side.errors if issubclass(kind, Exception) else side.messages
    return f"[`{kind.__name__}`]({page}#{kind.__name__.lower()})"
