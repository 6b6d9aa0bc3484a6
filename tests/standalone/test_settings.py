"""Settings come from flags, environment, file and defaults, in this order, and every mistake is one sentence."""

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from websubhub.standalone.command.cli import build_parser, main
from websubhub.standalone.command.flags import read_settings
from websubhub.standalone.setting_definitions import ENVIRONMENT_PREFIX, flag
from websubhub.standalone.setting_sources import load
from websubhub.standalone.settings import Settings, SettingsError

MARKER = "marker-of-a-secret-0123456789"


def _file(folder: Path, text: str) -> str:
    path = folder / "hub.toml"
    path.write_text(text)
    return str(path)


def _loaded(flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, file: str = "") -> Settings:
    return load(flags or {}, environment or {}, file or None)


def test_flags_come_before_the_environment_the_file_and_the_defaults(tmp_path: Path) -> None:
    file = _file(tmp_path, "port = 3\nlease-seconds = 3_000\nhost = '127.0.0.3'\nmax-backlog = 30\n")
    environment = {"WEBSUBHUB_PORT": "2", "WEBSUBHUB_LEASE_SECONDS": "2000", "WEBSUBHUB_HOST": "127.0.0.2"}
    settings = _loaded({"port": "1", "lease_seconds": "1000"}, environment, file)
    assert settings.port == 1
    assert settings.lease_seconds == 1000
    assert settings.host == "127.0.0.2"
    assert settings.max_backlog == 30
    assert settings.concurrency == Settings().concurrency


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = _file(tmp_path, "port = 3\n")
    assert _loaded(environment={"WEBSUBHUB_CONFIG": file}).port == 3
    assert _loaded(environment={"WEBSUBHUB_CONFIG": "/nowhere"}, file=file).port == 3


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_a_flag_a_variable_and_a_key(field: "attrs.Attribute[Any]", tmp_path: Path) -> None:
    texts = {
        "host": "127.0.0.9", "public_url": "https://hub.example/x", "store": "memory:", "retry_delays": "1,2.5",
        "signature_method": "sha512", "topics": "registered", "feed_diff": "https://a.example/",
        "latest_only": "*", "publisher_token": "t" * 16, "admin_token": "t" * 16, "viewer_token": "t" * 16,
        "allow_network": "10.0.0.0/8",
        "log_format": "json", "log_level": "debug", "loop": "trio", "server": "hypercorn", "validate_topics": "true",
        "anonymous_publishers": "true", "tracing": "true", "lease_seconds": "864001", "min_lease_seconds": "301",
        "max_lease_seconds": "2592001", "certfile": "chain.pem", "keyfile": "key.pem", "unix_socket": "hub.sock",
    }  # fmt: skip
    text = texts.get(field.name, "77")
    many = bool(field.metadata.get("many"))
    options = build_parser().parse_args(["serve", flag(field.name), text])
    by_flag = getattr(read_settings(options), field.name)
    by_variable = getattr(_loaded(environment={ENVIRONMENT_PREFIX + field.name.upper(): text}), field.name)
    file = _file(tmp_path, f"{field.name.replace('_', '-')} = {[text] if many else repr(text)}\n")
    by_key = getattr(_loaded(file=file), field.name)
    assert by_flag == by_variable == by_key
    assert by_flag != field.default


def test_a_flag_that_repeats_and_a_variable_with_spaces_and_a_list_in_the_file_are_the_same(tmp_path: Path) -> None:
    options = build_parser().parse_args("serve --allow-network 10.0.0.0/8 --allow-network fd00::/8".split())
    file = _file(tmp_path, 'allow_network = ["10.0.0.0/8", "fd00::/8"]\nretry_delays = [1, 2]\n')
    wanted = ("10.0.0.0/8", "fd00::/8")
    assert read_settings(options).allow_network == wanted
    assert _loaded(environment={"WEBSUBHUB_ALLOW_NETWORK": " 10.0.0.0/8  fd00::/8 "}).allow_network == wanted
    assert _loaded(file=file).allow_network == wanted
    assert _loaded(file=file).retry_delays == (1, 2)


def test_a_switch_is_on_when_its_flag_stands_alone() -> None:
    assert read_settings(build_parser().parse_args(["serve", "--validate-topics"])).validate_topics is True
    assert read_settings(build_parser().parse_args(["serve", "--validate-topics", "no"])).validate_topics is False


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("port", "http", "--port must be a whole number from 0 to 65535, not http."),
        ("port", "65536", "from 0 to 65535"),
        ("port", "-1", "from 0 to 65535"),
        ("port", "٣", "from 0 to 65535"),
        ("public_url", "hub.example.com", "--public-url cannot be used"),
        ("public_url", "ftp://hub.example.com/", "--public-url cannot be used"),
        ("public_url", "http://0.0.0.0:8080/hub", "cannot be used: it must have an address that others can call"),
        ("public_url", "http://[::]:8080/hub", "cannot be used: it must have an address that others can call"),
        (
            "store",
            "postgres://x",
            "must be sqlite:///FILE, memory:, nats://HOST:PORT or tls://HOST:PORT, not postgres://x.",
        ),
        ("lease_seconds", "0", "from 1 to"),
        ("lease_seconds", "100", "min-lease-seconds <= lease-seconds <= max-lease-seconds"),
        ("retry_delays", "", "1 to 100 numbers"),
        ("retry_delays", ",".join(["1"] * 101), "1 to 100 numbers"),
        ("retry_delays", "5,soon", "is not a number: soon"),
        ("retry_delays", "-5", "from 0 to 86400"),
        ("retry_delays", "nan", "from 0 to 86400"),
        ("delivery_timeout", "0", "from 0.1 to 300"),
        ("delivery_timeout", "inf", "from 0.1 to 300"),
        ("signature_method", "md5", "must be one of sha1, sha256, sha384, sha512"),
        ("topics", "closed", "must be one of open, registered, not closed."),
        ("validate_topics", "maybe", "must be true or false, not maybe."),
        ("allow_network", ["10.0.0.1/8"], "must be a network such as 10.0.0.0/8, not 10.0.0.1/8."),
        ("log_level", "loud", "must be one of debug, info, warning, error"),
        ("loop", "twisted", "must be one of auto, asyncio, trio, uvloop"),
    ],
)
def test_a_mistake_is_one_sentence(name: str, text: Any, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _loaded({name: text})
    assert words in str(caught.value)
    _assert_is_a_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 80\n", "has an unknown setting prot; did you mean port?"),
        ("entirely-different = 1\n", "has an unknown setting entirely_different."),
        ("port = \n", "is not valid TOML"),
        ("port = 1\nport = 2\n", "is not valid TOML"),
        ("[port]\nx = 1\n", "port in"),
        ("[[allow-network]]\nx = 1\n", "must not be a table"),
        ("publisher-token = 7\n", "must be 16 printable characters"),
        ("validate-topics = 3\n", "must be true or false"),
    ],
)
def test_a_mistake_in_the_file_names_the_file(text: str, words: str, tmp_path: Path) -> None:
    file = _file(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        _loaded(file=file)
    assert words in str(caught.value)
    assert file in str(caught.value)
    _assert_is_a_sentence(str(caught.value))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(SettingsError, match=re.escape(f"The configuration file {file} cannot be read: ")):
            _loaded(file=str(file))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        _loaded(file=str(tmp_path / "binary.toml"))


@pytest.mark.parametrize("name", ["publisher_token", "admin_token", "viewer_token"])
@pytest.mark.parametrize("text", [f"{MARKER} {MARKER}", f"{MARKER}é", f"{MARKER}\n", "short-MARKER"])
def test_a_bad_token_is_refused_and_not_repeated(name: str, text: str, tmp_path: Path) -> None:
    sources: list[dict[str, Any]] = [
        {"flags": {name: [text] if name == "publisher_token" else text}},
        {"file": _file(tmp_path, f"{name} = {json.dumps([text] if name == 'publisher_token' else text)}\n")},
    ]
    for source in sources:
        with pytest.raises(SettingsError) as caught:
            _loaded(**source)
        assert "16 printable characters" in str(caught.value)
        assert MARKER not in str(caught.value)
        assert "MARKER" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_settings_do_not_show_their_secrets() -> None:
    assert MARKER not in repr(Settings(publisher_token=(MARKER,), admin_token=MARKER))


def test_help_shows_every_setting_and_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSUBHUB_PUBLISHER_TOKEN", MARKER)
    monkeypatch.setenv("WEBSUBHUB_ADMIN_TOKEN", MARKER)
    monkeypatch.setenv("WEBSUBHUB_HUB", "http://127.0.0.1:8080/%7Ehub")
    for command in ("serve", "publish", "topics", "subscriptions", "deliveries", "dead-letters", "doctor"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr()
        assert MARKER not in shown.out + shown.err
        if command == "serve":
            assert all(flag(field.name) in shown.out for field in attrs.fields(Settings))


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--store", "mysql://x"],
        ["serve", "--store", "sqlite:///"],
        ["serve", "--store", "nats://"],
        ["serve", "--store", "nats://a,,b"],
        ["serve", "--store", "nats://a?replicas=2"],
        ["serve", "--config", "/nowhere/hub.toml"],
        ["serve", "--min-lease-seconds", "900", "--lease-seconds", "800"],
        ["doctor", "--callback", "nonsense"],
        ["topics", "--hub", "nonsense"],
        ["publish", "nonsense"],
        ["publish", "http://127.0.0.1/topic", "/nowhere/content"],
        ["dead-letters", "drop", "x"],
        ["dead-letters", "drop", "²"],
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence_and_exit_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "websubhub.standalone.command.logs.set_up", lambda *_: None
    )  # which would be the log of the tests
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("websubhub: ")
    _assert_is_a_sentence(shown.err.removeprefix("websubhub: ").rstrip("\n"))


def _assert_is_a_sentence(text: str) -> None:
    assert "\n" not in text
    assert "Traceback" not in text
    assert text.endswith((".", "?"))
    assert not text.endswith("..")
