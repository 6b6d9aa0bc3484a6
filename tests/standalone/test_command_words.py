"""What the command line says of itself and of mistakes: versions, help, completion, misspelt words."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import websubhub
import websubsub
from tests.standalone.process import run
from websubhub.standalone.command.cli import build_parser, main
from websubhub.standalone.command.remote.output import table
from websubhub.standalone.setting_definitions import Group, flag, variable
from websubhub.standalone.setting_sources import load
from websubhub.standalone.setting_values import Choice
from websubhub.standalone.settings import Settings, SettingsError

COMMANDS = {"websubhub": ("serve", "doctor"), "websubsub": ("listen", "discover")}
PROGRAMS = tuple(COMMANDS)


def said(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit status of ``websubhub``, and what it prints on stdout and stderr."""
    try:
        status: Any = main(words)
    except SystemExit as ended:
        status = ended.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_tells_its_version(program: str) -> None:
    done = said(program, "--version")
    version = {"websubhub": websubhub, "websubsub": websubsub}[program].__version__
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{program} {version}\n", "")


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_help_tells_the_heading_the_default_the_variable_and_the_choices_of_a_setting(
    field: "attrs.Attribute[Any]", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    _, help_text, _ = shown(capsys, "serve", "--help")
    before, _, rest = help_text.partition(f"\n  {flag(field.name)} ")
    told = re.split(r"\n(?:  -|\n)", rest)[0]
    assert told.endswith(f" [env: {variable(field.name)}]")
    assert "[default: " in told
    parse = field.metadata["parse"]
    assert not isinstance(parse, Choice) or "{" + ",".join(parse.words) + "}" in told
    assert re.findall(r"^(\S.*):$", before, re.MULTILINE)[-1] == field.metadata["group"].lower()


@pytest.mark.parametrize("words", [(), ("serve",), ("publish",), ("dead-letters",), ("doctor",)])
def test_the_examples_of_help_are_commands_that_it_takes(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    _, help_text, _ = shown(capsys, *words, "--help")
    examples = [line.rpartition(" | ")[2].strip() for line in help_text.partition("examples:\n")[2].splitlines()]
    assert examples
    for example in examples:
        _, *arguments = example.split()
        if arguments[-1] != "--help":
            build_parser().parse_args(arguments)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "The following arguments are required: COMMAND. See websubhub --help."),
        (("srve",), "srve is not a command; did you mean serve? See websubhub --help."),
        (("entirely",), "entirely is not a command. See websubhub --help."),
        (("serve", "--prot", "80"), "--prot is not an argument of websubhub serve; did you mean --port?"),
        (("topics", "--prot=80"), "--prot is not an argument of websubhub topics."),
        (("serve", "extra"), "extra is not an argument of websubhub serve. See websubhub serve --help."),
        (("dead-letters", "rplay"), "rplay is not one of replay, drop; did you mean replay?"),
        (("completion", "ksh"), "ksh is not one of bash, zsh, fish, tcsh"),
        (("serve", "--port"), "--port needs a value. See websubhub serve --help."),
        (("publish",), "The following arguments are required: TOPIC. See websubhub publish --help."),
    ],
)
def test_a_misspelt_command_or_flag_is_told(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, error = shown(capsys, *words)
    assert (status, out) == (2, "")
    assert error.startswith(f"websubhub: {sentence}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", [("serve",), ("doctor",), ("topics",), ("publish", "http://127.0.0.1/topic")])
def test_a_misspelt_variable_is_told_by_every_command_that_reads_them(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSUBHUB_PUBLISHER_TOKNE", "marker-of-a-secret")
    status, _, error = shown(capsys, *words)
    assert status == 2
    assert error == ("websubhub: WEBSUBHUB_PUBLISHER_TOKNE is not a setting; did you mean WEBSUBHUB_PUBLISHER_TOKEN?\n")


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_every_variable_that_lacks_a_letter_is_told(field: "attrs.Attribute[Any]") -> None:
    with pytest.raises(SettingsError, match=f"did you mean {variable(field.name)}"):
        load({}, {variable(field.name[:-1]): "1"})


CLUSTER = {"WEBSUBHUB_SERVICE_HOST": "10.0.0.1", "WEBSUBHUB_PORT_8080_TCP_PROTO": "tcp"}


def test_variables_of_a_cluster_are_no_mistakes() -> None:
    assert load({}, CLUSTER) == Settings()
    examined = run("doctor", "--store", "sqlite:////nowhere/at/all/hub.db", environment=CLUSTER)
    for name in CLUSTER:
        assert f"websubhub: {name} is not a setting and is ignored.\n" in examined.stderr


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_hub_logs_variables_of_a_cluster_in_the_format_of_its_log(log_format: str) -> None:
    store = ("--store", "sqlite:////nowhere/at/all/hub.db")
    refused = run("serve", *store, "--log-format", log_format, environment=CLUSTER)
    *logged, mistake = refused.stderr.splitlines()
    assert mistake.startswith("websubhub: The database /nowhere/at/all/hub.db")
    lines = [json.loads(line)["message"] if log_format == "json" else line for line in logged]
    assert [any(name in line for name in CLUSTER) for line in lines] == [True] * len(CLUSTER)


def test_all_mistakes_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("prot = 1\nport = 'x'\ntopics = 'closed'\npublisher-token = ['short']\nlease_seconds = 900\n")
    status, out, error = shown(capsys, "serve", "--config", str(file), "--concurrency", "0")
    assert (status, out) == (2, "")
    assert error.splitlines() == [
        f"websubhub: The configuration file {file} has an unknown setting prot; did you mean port?",
        f"websubhub: port in {file} must be a whole number from 0 to 65535, not x.",
        "websubhub: --concurrency must be a whole number from 1 to 10000, not 0.",
        f"websubhub: topics in {file} must be one of open, registered, not closed.",
        f"websubhub: publisher_token in {file} must be 16 printable characters or more, without spaces.",
    ]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_a_completion_script_is_one_of_its_shell(program: str, shell: str) -> None:
    done = said(program, "completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(command in done.stdout for command in ("completion", *COMMANDS[program]))
    if program_of_shell := shutil.which(shell):
        checked = subprocess.run(
            [program_of_shell, "-n"], input=done.stdout, text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("program", "words", "completed"),
    [
        ("websubhub", "serve --loop ", {"auto", "asyncio", "trio", "uvloop"}),
        ("websubhub", "serve --unix", {"--unix-socket"}),
        ("websubhub", "dead", {"dead-letters"}),
        ("websubsub", "listen --lease", {"--lease-seconds"}),
    ],
)
def test_bash_completes(program: str, words: str, completed: set[str], tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(said(program, "completion", "bash").stdout)
    line = (program, *words.split(" "))
    asked = (
        f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in line)}); COMP_CWORD={len(line) - 1}; "
        f'_shtab_{program}; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)  # noqa: S607 - as it is found
    assert set(done.stdout.split()) == completed


def test_no_heading_of_help_is_empty() -> None:
    assert {field.metadata["group"] for field in attrs.fields(Settings)} == set(Group)


@pytest.mark.parametrize(
    ("encoding", "topic", "shown"),
    [
        ("utf-8", "https://example.com/grüße/日本", "https://example.com/grüße/日本"),
        ("ascii", "https://example.com/grüße", "https://example.com/gr\\xfc\\xdfe"),
        ("utf-8", "https://example.com/\x1b[2J\u202e", "https://example.com/\\x1b[2J\\u202e"),
    ],
)
def test_a_table_shows_what_can_be_printed_and_escapes_the_rest(
    encoding: str, topic: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    monkeypatch.setattr("sys.stdout", terminal)
    table([{"topic": topic}], ("topic",))
    terminal.seek(0)
    assert terminal.read() == f"topic\n{shown}\n"
