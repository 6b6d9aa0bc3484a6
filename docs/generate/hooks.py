"""The hook table as a page."""

from collections.abc import Sequence
from types import NoneType

from _websub.outcome import Hook
from docs.generate import docstrings
from docs.generate.sections import table

_HEAD = """# Hooks of a hub

A hub is a subclass of `HubService`, and a hook is one of the methods below: `async def on_x(self, message)`.
The headers of the request are `message.headers`.
A hook may return or raise its errors.
Only the errors listed for it tell the other side their reason.
Any other exception is logged, and answered with the fixed words of the last column.
How each outcome looks on the wire is written down in [answers](answers.md).

A subclass is refused with a `TypeError` when it is made, and told what to do, if

- a required hook is missing,
- a method `on_...` is no hook,
- a hook is not `async`, or takes other arguments than `(self, message)`,
- a hook is annotated to take or to return what it may not.

A class that is only to be derived from says `class Base(HubService, abstract=True)`."""


def hooks_page(service: type, hooks: Sequence[Hook]) -> list[str]:
    """The page of a service's hooks.

    Args:
        service: The service.
        hooks: Its hook table.
    """
    rows = [
        (f"[`{hook.name}`](#{hook.name})", "yes" if hook.required else "", _link(hook.message), hook.reason)
        for hook in hooks
    ]
    lines = [*_HEAD.split("\n"), *table(("Hook", "Required", "Message", "Any other error"), rows)]
    for hook in hooks:
        lines += ["", f"## {hook.name}", "", *_hook(service, hook)]
    return lines


def _hook(service: type, hook: Hook) -> list[str]:
    said = docstrings.read(getattr(service, hook.name))
    yes = [_link(kind) for kind in hook.successes]
    no = [f"{_link(error, page='errors.md')} ({error.status})" for error in hook.errors]
    return [
        "```text",
        f"async def {hook.name}(self, message)",
        "```",
        "",
        said.summary,
        *table(
            ("", ""),
            [
                ("message", _link(hook.message)),
                ("yes", ", ".join(yes)),
                ("no", ", ".join(no)),
                ("any other error", f'{_link(hook.failure, page="errors.md")} with "{hook.reason}"'),
                ("if it is missing", "refused when the class is made" if hook.required else "yes to everything"),
            ],
        ),
    ]


def _link(kind: type, page: str = "messages.md") -> str:
    if kind is NoneType:
        return "`None`"
    return f"[`{kind.__name__}`]({page}#{kind.__name__.lower()})"
