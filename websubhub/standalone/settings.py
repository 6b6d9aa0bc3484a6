"""The settings of the standalone hub, by flag, environment, file or default, in that order."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from websubhub import SignatureMethod, is_loopback_host
from websubhub.standalone.schedule.retry import REFUSED_ATTEMPTS, RETRY_DELAYS
from websubhub.standalone.setting_values import SettingsError as SettingsError  # noqa: PLC0414 - exported for callers that load settings
from websubhub.standalone.setting_values import choice as _choice
from websubhub.standalone.setting_values import delays as _delays
from websubhub.standalone.setting_values import network as _network
from websubhub.standalone.setting_values import number as _number
from websubhub.standalone.setting_values import public_url as _public_url
from websubhub.standalone.setting_values import store as _store
from websubhub.standalone.setting_values import switch as _switch
from websubhub.standalone.setting_values import token as _token
from websubhub.standalone.setting_values import whole as _whole
from websubhub.standalone.stores import forms

ENVIRONMENT_PREFIX = "WEBSUBHUB_"
HUB_PATH = "/hub"
_FILE_LIMIT = 1_048_576


def option(default: Any, text: str, parse: Callable[[str], Any] = str, **rest: Any) -> Any:
    """Return a setting: its default, its purpose, its reader, and optionally ``metavar``, ``many`` and ``secret``."""
    metadata = {"help": text, "parse": parse, **rest}
    return attrs.field(default=default, metadata=metadata, repr=not rest.get("secret"))


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of a standalone hub, in one class because each line is a flag, a variable and a key of the file."""

    host: str = option("127.0.0.1", "The address to listen on.")
    port: int = option(8080, "The port to listen on; 0 picks a free one.", _whole(0, 65_535))
    public_url: str | None = option(
        None,
        "The URL of the hub as subscribers and publishers see it. On loopback it is http://HOST:PORT/hub by default.",
        _public_url,
        metavar="URL",
    )
    store: str = option(
        "sqlite:///websubhub.db",
        f"Where to keep state: {forms(uses=True)}.",
        _store,
        metavar="STORE",
    )
    lease_seconds: int = option(864_000, "The lease granted when a subscriber asks for none.", _whole(1, 31_536_000))
    min_lease_seconds: int = option(300, "The shortest lease granted.", _whole(1, 31_536_000))
    max_lease_seconds: int = option(2_592_000, "The longest lease granted.", _whole(1, 31_536_000))
    subscriptions_per_host: int = option(
        100_000,
        "The most subscriptions with callbacks on one host. Beyond it, new ones are answered with 429; renewals pass.",
        _whole(1, 10**12),
    )
    max_subscriptions: int = option(
        5_000_000,
        "The most subscriptions in total. Beyond it, new ones are answered with 503; renewals pass.",
        _whole(1, 10**12),
    )
    retry_delays: tuple[float, ...] = option(
        RETRY_DELAYS,
        "Seconds to wait before each retry of a failed delivery. After the last retry it becomes a dead letter.",
        _delays,
        metavar="SECONDS,...",
    )
    refused_attempts: int = option(
        REFUSED_ATTEMPTS,
        "Attempts at a delivery that the subscriber refuses. Then it is a dead letter, and the next update is sent.",
        _whole(1, 100),
    )
    delivery_timeout: float = option(10.0, "Seconds that a subscriber has for its complete answer.", _number(0.1, 300))
    concurrency: int = option(
        512, "Deliveries in progress at a time, not counting those kept waiting for an answer.", _whole(1, 10_000)
    )
    concurrency_per_host: int = option(64, "Connections to one host at a time.", _whole(1, 1_000))
    idle_seconds: float = option(
        60.0,
        "Seconds to keep a connection for the next delivery to its host; four times as long for https.",
        _number(0, 3_600),
    )
    signature_method: str = option("sha256", "The hash algorithm that signs deliveries.", _choice(*SignatureMethod))
    topics: str = option(
        "open",
        "Which topics can be subscribed to: open for any, registered for those that a publisher has registered.",
        _choice("open", "registered"),
    )
    validate_topics: bool = option(
        False,
        "Request a topic before its first subscription; deny that unless the topic's Link header names this hub.",
        _switch,
    )
    feed_diff: tuple[str, ...] = option(
        (),
        "An Atom or RSS topic of which only new entries are delivered, or * for all; repeatable.",
        metavar="TOPIC",
        many=True,
    )
    latest_only: tuple[str, ...] = option(
        (),
        "A topic whose newer updates replace those that are still waiting, or * for all; repeatable.",
        metavar="TOPIC",
        many=True,
    )
    publisher_token: tuple[str, ...] = option(
        (),
        "A bearer token that publishers need to publish content and to (de)register topics; repeatable.",
        _token,
        metavar="TOKEN",
        many=True,
        secret=True,
    )
    anonymous_publishers: bool = option(
        False, "Let anyone publish content and (de)register topics even though the hub is public.", _switch
    )
    admin_token: str | None = option(
        None,
        "The bearer token for the admin API. Without one, the API answers on loopback hubs only.",
        _token,
        metavar="TOKEN",
        secret=True,
    )
    allow_network: tuple[str, ...] = option(
        (),
        "A private network that callbacks and topics may be in; repeatable.",
        _network,
        metavar="CIDR",
        many=True,
    )
    max_content_bytes: int = option(10_485_760, "The largest content to accept, in bytes.", _whole(1, 1_073_741_824))
    max_backlog: int = option(
        5_000_000, "Deliveries that may be waiting before publishers are answered with 503.", _whole(1, 10**12)
    )
    dead_letter_days: float = option(30.0, "Days to keep dead letters.", _number(0.01, 3650))
    message_days: float = option(
        7.0, "Days to keep what became of messages, their content, and failed attempts.", _number(0, 3650)
    )
    max_message_bytes: int = option(
        268_435_456,
        "Bytes of messages to keep beyond those that are still owed; a quarter of it for failed attempts besides.",
        _whole(0, 10**15),
    )
    log_format: str = option("text", "The log format: text for people, json for programs.", _choice("text", "json"))
    log_level: str = option("info", "The lowest level to log.", _choice("debug", "info", "warning", "error"))
    loop: str = option(
        "auto",
        "The event loop: asyncio, trio or uvloop. auto uses uvloop if it is installed.",
        _choice("auto", "asyncio", "trio", "uvloop"),
    )

    server: str = option(
        "auto",
        "The HTTP server: hypercorn, or uvicorn of the extra speed, which takes less time and not --loop trio; "
        "auto takes uvicorn where it can.",
        _choice("auto", "hypercorn", "uvicorn"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if not self.min_lease_seconds <= self.lease_seconds <= self.max_lease_seconds:
            raise SettingsError("The leases must satisfy min-lease-seconds <= lease-seconds <= max-lease-seconds.")
        if self.server == "uvicorn" and self.loop == "trio":
            raise SettingsError("--server uvicorn runs on asyncio and uvloop, not on --loop trio.")

    def url_at(self, base: str) -> str:
        """Return the hub's public URL.

        Args:
            base: The base URL of the address that it listens on.

        Raises:
            SettingsError: None is set, and others than this machine are meant to reach the address.
        """
        if self.public_url is not None:
            return self.public_url
        if not is_loopback_host(self.host):
            where = self.host or "all addresses"
            raise SettingsError(f"--public-url must be set when listening on {where}: the URL that others use.")
        return base + HUB_PATH


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: str | None = None) -> Settings:
    """Return the settings from all their sources.

    Args:
        flags: Text by setting from the command line, lists of text for those that repeat; missing ones left out.
        environment: The environment.
        file: The path of a TOML file; else that of ``WEBSUBHUB_CONFIG``.

    Raises:
        SettingsError: A setting cannot be used. The message says which, and where it came from.
    """
    path = file or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    from_file = read_file(path) if path else {}
    values: dict[str, Any] = {}
    for field in attrs.fields(Settings):
        variable = ENVIRONMENT_PREFIX + field.name.upper()
        if field.name in flags:
            values[field.name] = _read(field, flags[field.name], flag(field.name))
        elif variable in environment:
            text = environment[variable]
            values[field.name] = _read(field, text.split() if field.metadata.get("many") else text, variable)
        elif field.name in from_file:
            values[field.name] = _read(field, from_file[field.name], f"{field.name} in {path}")
    return Settings(**values)


def _read(field: "attrs.Attribute[Any]", value: Any, source: str) -> Any:
    parse = cast("Callable[[str], Any]", field.metadata["parse"])
    try:
        if field.metadata.get("many"):
            items = value if isinstance(value, list) else [value]
            return tuple(parse(_text(item)) for item in items)
        return parse(_text(value))
    except SettingsError as error:
        # The value of a secret is not repeated: errors end up in logs.
        raise SettingsError(f"{source} {error}.") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        raise SettingsError("must not be a table")
    return str(value)


def read_file(path: str) -> dict[str, Any]:
    """Return the settings in a TOML file, by name.

    Raises:
        SettingsError: It cannot be read, is no TOML, or has a key that is no setting.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_FILE_LIMIT).decode()
        table = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"The configuration file {path} is not valid TOML: {error}.") from None
    known = [field.name for field in attrs.fields(Settings)]
    values = {name.replace("-", "_"): value for name, value in table.items()}
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise SettingsError(f"The configuration file {path} has an unknown setting {name}{hint}")
    return values
