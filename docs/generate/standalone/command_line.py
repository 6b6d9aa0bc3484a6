"""The page of the command ``websubhub``, generated from its parser."""

import argparse
from collections.abc import Iterator

import attrs

from docs.generate.sections import table
from websubhub.standalone.command.cli import CommandParser, build_parser
from websubhub.standalone.setting_definitions import variable
from websubhub.standalone.settings import Settings

_INTRO = """\
# The command websubhub

`websubhub` runs a hub, publishes to a hub, and inspects and operates it.
`python -m websubhub` runs the same command.

| Exit status | Meaning |
| --- | --- |
| 0 | Success, or `serve` was stopped. |
| 1 | Failure: the hub did not accept the update or `publish` could not reach it, a command \
got the id or the URL of something that does not exist, `doctor` found a problem, or `demo` could not finish. |
| 2 | An argument or a setting is invalid, or the hub cannot be reached; a sentence on stderr says which. |
| 130 | Ctrl-C interrupted the command; `serve` exits with 0 instead. |

`websubhub --version` prints the version.
`websubhub completion bash` prints a script that completes commands and flags; `zsh`, `fish` and `tcsh` work too.

The commands for a running hub find it by `--hub`, then by the variable `WEBSUBHUB_HUB`, and otherwise at `http://127.0.0.1:8080/hub`.
All except `publish` use the [admin API](admin-api.md) next to the hub: for `https://hub.example.com/hub`, it is at `https://hub.example.com/admin/`.
They do not follow redirects and ignore proxies in the environment, so that the token reaches only the hub."""

_NOTES = {
    "export": (
        "The file has the topics with their options and what is remembered of their last fetch, the subscriptions "
        "with their secrets, the requests that wait for their verification, the announced topics, and the paused "
        "hosts.\n"
        "It has no updates, messages or dead letters: how many deliveries are still owed is told on stderr, and "
        "`--drain` delivers them first.\n"
        "The file is new and only for its owner, and nothing is written to a terminal.\n"
        "`--passphrase-file` encrypts it, which needs the extra `encryption`.\n"
        "A hub on SQLite must be stopped for it, and one on NATS may run.\n"
        "[Move to another store](../how-to/grow-to-several-machines.md#move-from-sqlite-and-back) shows the whole move."
    ),
    "import": (
        "The whole file is checked before anything is stored.\n"
        "Subscriptions that the store has already, as new or newer, stay as they are, so an import that was "
        "interrupted is simply repeated.\n"
        "Every process of the hub must be stopped for it."
    ),
    "serve": (
        "When it accepts requests, it prints one line: `ready: ` and the hub's URL.\n"
        "SIGTERM or Ctrl-C stops it: it refuses new requests, gives those in progress 10 seconds, and exits with 0.\n"
        "All [settings](configuration.md) are flags of this command."
    ),
    "doctor": "It also takes the [settings](configuration.md) of `serve`, and checks the hub that they describe.",
}


def page() -> list[str]:
    """Return the page as lines."""
    lines = _INTRO.splitlines()
    for name, summary, parser in commands():
        lines += ["", f"## {name}", "", f"{summary[0].upper()}{summary[1:]}."]
        lines += ["", "```text", f"websubhub {usage(name, parser)}", "```"]
        if name in _NOTES:
            lines += ["", *_NOTES[name].splitlines()]
        if rows := [(f"`{_written(action)}`", (action.help or "").replace("[", "\\[")) for action in arguments(parser)]:
            lines += table(("Argument", "Meaning"), rows)
    return lines


def commands() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Return every command: its name, its summary and its parser."""
    for action in build_parser()._actions:  # noqa: SLF001 - argparse has no public way to ask what was added
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001 - as above
            for name, parser in action.choices.items():
                if isinstance(parser, CommandParser):
                    parser.load()
                yield name, summaries[name], parser


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments of a command, without the settings, which have their own page."""
    return [
        action
        for action in parser._actions  # noqa: SLF001 - as above
        if not _is_setting(action) and not isinstance(action, argparse._HelpAction)  # noqa: SLF001 - as above
    ]


def _is_setting(action: argparse.Action) -> bool:
    """Return whether this is the flag of a setting, and not another one of the same name, such as a filter by host."""
    return action.dest in attrs.fields_dict(Settings) and variable(action.dest) in (action.help or "")


def usage(name: str, parser: argparse.ArgumentParser) -> str:
    """Return the usage of a command in one line, with one word for all settings."""
    words = [name]
    for action in arguments(parser):
        optional = bool(action.option_strings) or action.nargs in {"?", "*"}
        words.append(f"[{_written(action)}]" if optional else _written(action))
    takes_settings = any(map(_is_setting, parser._actions))  # noqa: SLF001 - as above
    return " ".join([*words, "[SETTINGS]"] if takes_settings else words)


def _written(action: argparse.Action) -> str:
    placeholder = str(action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper())
    if not action.option_strings:
        return f"{placeholder} ..." if action.nargs == "*" else placeholder
    return action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} {placeholder}"
