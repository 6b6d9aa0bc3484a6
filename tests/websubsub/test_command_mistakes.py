"""A mistake on the command line is one sentence on stderr and exit status 2, whoever finds it out."""

import pytest

from tests.websubsub.conftest import HUB, TOPIC
from websubsub import SubscriberConfig, cli
from websubsub._command.sinks import describe

LISTEN = ["listen", TOPIC]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["nonsense"], "nonsense"),
        (["listen"], "both --hub and --topic"),
        (["discover"], "URL"),
        (["discover", TOPIC, "more"], "more"),
        ([*LISTEN, "--nonsense"], "--nonsense"),
        ([*LISTEN, "--port", "x"], "--port"),
        ([*LISTEN, "--lease-seconds", "x"], "--lease-seconds"),
        ([*LISTEN, "--lease-seconds", "1000000000000"], "--lease-seconds"),
        ([*LISTEN, "--lease-seconds", "-1"], "--lease-seconds"),
        ([*LISTEN, "--secret", "s", "--no-secret"], "--no-secret"),
        ([*LISTEN, "--secret", ""], "must not be empty"),
        ([*LISTEN, "--header", "nothing"], "'Name: value'"),
        (["discover", TOPIC, "--header", "A b: c"], "'Name: value'"),
        ([*LISTEN, "--save", ""], "--save needs a folder"),
        ([*LISTEN, "--exec", "/nowhere/command --option"], "there is no command /nowhere/command"),
        ([*LISTEN, "--public-url", "https://me.example/?a"], "--public-url must not have a query"),
        ([*LISTEN, "--public-url", "https://me.example/#a"], "--public-url must not have a fragment"),
        ([*LISTEN, "--public-url", "http://0.0.0.0:8081/"], "--public-url must have an address that others can call"),
        (["listen", "--hub", HUB, "--topic", "https://u:p@pub.example/"], "--topic must not have user information"),
        (["listen", "", "--hub", HUB, "--topic", TOPIC], "The URL must start with http"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(cli.main(arguments))
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert shown.err.startswith("websubsub: ")
    assert shown.err.endswith(".\n")
    assert complaint in shown.err
    assert "invalid" not in shown.err
    assert "rgument -" not in shown.err, "these are words of argparse"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lisen"], "lisen is not a command; did you mean listen? See websubsub --help."),
        ([*LISTEN, "--jsn"], "--jsn is not an argument of websubsub listen; did you mean --json?"),
        (["discover", TOPIC, "more"], "more is not an argument of websubsub discover. See websubsub discover --help."),
        (["completion", "bsh"], "bsh is not one of bash, zsh, fish, tcsh; did you mean bash?"),
        ([*LISTEN, "--port", "x"], "--port must be a whole number, not x. See websubsub listen --help."),
        ([*LISTEN, "--port"], "--port needs a value. See websubsub listen --help."),
        ([*LISTEN, "--secret", "s", "--no-secret"], "--no-secret is not allowed with --secret."),
    ],
)
def test_a_mistake_is_told_in_words(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert capsys.readouterr().err.startswith(f"websubsub: {sentence}")


@pytest.mark.parametrize("seconds", [0, -1, 10**12])
def test_a_lease_that_no_hub_can_be_asked_for_is_refused_with_the_settings(seconds: int) -> None:
    with pytest.raises(ValueError, match="lease_seconds"):
        SubscriberConfig(lease_seconds=seconds)


def test_what_could_not_be_handed_on_is_told_with_the_place() -> None:
    assert describe(FileNotFoundError(2, "No such file or directory", "out/1")) == "out/1: No such file or directory."
    assert describe(OSError(28, "No space left on device")) == "No space left on device."
