"""The settings of the standalone hub."""

import attrs

from websubhub import SignatureMethod, is_loopback_host
from websubhub.standalone.schedule.retry import REFUSED_ATTEMPTS, RETRY_DELAYS
from websubhub.standalone.setting_definitions import Group, option
from websubhub.standalone.setting_values import SettingsError as SettingsError  # noqa: PLC0414 - exported for callers that load settings
from websubhub.standalone.setting_values import choice as _choice
from websubhub.standalone.setting_values import delays as _delays
from websubhub.standalone.setting_values import network as _network
from websubhub.standalone.setting_values import number as _number
from websubhub.standalone.setting_values import path as _path
from websubhub.standalone.setting_values import public_url as _public_url
from websubhub.standalone.setting_values import publisher_token as _publisher_token
from websubhub.standalone.setting_values import store as _store
from websubhub.standalone.setting_values import switch as _switch
from websubhub.standalone.setting_values import token as _token
from websubhub.standalone.setting_values import whole as _whole
from websubhub.standalone.stores import forms

HUB_PATH = "/hub"


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of a standalone hub, in one class because each line is a flag, a variable and a key of the file."""

    host: str = option("127.0.0.1", "The address to listen on.", group=Group.ADDRESS)
    port: int = option(8080, "The port to listen on; 0 picks a free one.", _whole(0, 65_535), group=Group.ADDRESS)
    public_url: str | None = option(
        None,
        "The URL of the hub as subscribers and publishers see it. On loopback it is http://HOST:PORT/hub by default.",
        _public_url,
        metavar="URL",
        group=Group.ADDRESS,
    )
    certfile: str | None = option(
        None,
        "A PEM file with the certificate chain, to serve https, and HTTP/2.",
        _path,
        metavar="FILE",
        group=Group.ADDRESS,
    )
    keyfile: str | None = option(
        None,
        "A PEM file with the private key, if it is not in the file of the certificate.",
        _path,
        metavar="FILE",
        group=Group.ADDRESS,
    )
    unix_socket: str | None = option(
        None,
        "The path of a Unix socket to listen on instead of the host and port, for a proxy on this machine.",
        _path,
        metavar="PATH",
        group=Group.ADDRESS,
    )
    store: str = option(
        "sqlite:///websubhub.db",
        f"Where to keep state: {forms(uses=True)}.",
        _store,
        metavar="STORE",
        group=Group.ADDRESS,
    )
    lease_seconds: int = option(
        864_000, "The lease granted when a subscriber asks for none.", _whole(1, 31_536_000), group=Group.SUBSCRIPTIONS
    )
    min_lease_seconds: int = option(
        300, "The shortest lease granted.", _whole(1, 31_536_000), group=Group.SUBSCRIPTIONS
    )
    max_lease_seconds: int = option(
        2_592_000, "The longest lease granted.", _whole(1, 31_536_000), group=Group.SUBSCRIPTIONS
    )
    subscriptions_per_host: int = option(
        100_000,
        "The most subscriptions with callbacks on one host. Beyond it, new ones are answered with 429; renewals pass.",
        _whole(1, 10**12),
        group=Group.SUBSCRIPTIONS,
    )
    max_subscriptions: int = option(
        5_000_000,
        "The most subscriptions in total. Beyond it, new ones are answered with 503; renewals pass.",
        _whole(1, 10**12),
        group=Group.SUBSCRIPTIONS,
    )
    retry_delays: tuple[float, ...] = option(
        RETRY_DELAYS,
        "Seconds to wait before each retry of a failed delivery. After the last retry it becomes a dead letter.",
        _delays,
        metavar="SECONDS,...",
        group=Group.DELIVERIES,
    )
    refused_attempts: int = option(
        REFUSED_ATTEMPTS,
        "Attempts at a delivery that the subscriber refuses. Then it is a dead letter, and the next update is sent.",
        _whole(1, 100),
        group=Group.DELIVERIES,
    )
    delivery_timeout: float = option(
        10.0, "Seconds that a subscriber has for its complete answer.", _number(0.1, 300), group=Group.DELIVERIES
    )
    concurrency: int = option(
        512,
        "Deliveries in progress at a time, not counting those kept waiting for an answer.",
        _whole(1, 10_000),
        group=Group.DELIVERIES,
    )
    concurrency_per_host: int = option(
        64, "Connections to one host at a time.", _whole(1, 1_000), group=Group.DELIVERIES
    )
    idle_seconds: float = option(
        60.0,
        "Seconds to keep a connection for the next delivery to its host; four times as long for https.",
        _number(0, 3_600),
        group=Group.DELIVERIES,
    )
    signature_method: str = option(
        "sha256", "The hash algorithm that signs deliveries.", _choice(*SignatureMethod), group=Group.DELIVERIES
    )
    topics: str = option(
        "open",
        "Which topics can be subscribed to: open for any, registered for those that a publisher has registered.",
        _choice("open", "registered"),
        group=Group.SUBSCRIPTIONS,
    )
    validate_topics: bool = option(
        False,
        "Request a topic before its first subscription; deny that unless the topic's Link header names this hub.",
        _switch,
        group=Group.SUBSCRIPTIONS,
    )
    feed_diff: tuple[str, ...] = option(
        (),
        "An Atom or RSS topic of which only new entries are delivered, or * for all; repeatable.",
        metavar="TOPIC",
        many=True,
        group=Group.DELIVERIES,
    )
    latest_only: tuple[str, ...] = option(
        (),
        "A topic whose newer updates replace those that are still waiting, or * for all; repeatable.",
        metavar="TOPIC",
        many=True,
        group=Group.DELIVERIES,
    )
    publisher_token: tuple[str, ...] = option(
        (),
        "A bearer token that publishers need to publish content and to (de)register topics, "
        "optionally with a name for it; repeatable.",
        _publisher_token,
        metavar="[NAME=]TOKEN",
        many=True,
        secret=True,
        group=Group.PUBLISHERS,
    )
    anonymous_publishers: bool = option(
        False,
        "Let anyone publish content and (de)register topics even though the hub is public.",
        _switch,
        group=Group.PUBLISHERS,
    )
    admin_token: str | None = option(
        None,
        "The bearer token for the admin API. Without one, the API answers on loopback hubs only.",
        _token,
        metavar="TOKEN",
        secret=True,
        group=Group.OPERATING,
    )
    viewer_token: str | None = option(
        None,
        "A bearer token for the admin API that reads everything and changes nothing.",
        _token,
        metavar="TOKEN",
        secret=True,
        group=Group.OPERATING,
    )
    allow_network: tuple[str, ...] = option(
        (),
        "A private network that callbacks and topics may be in; repeatable.",
        _network,
        metavar="CIDR",
        many=True,
        group=Group.OPERATING,
    )
    max_content_bytes: int = option(
        10_485_760, "The largest content to accept, in bytes.", _whole(1, 1_073_741_824), group=Group.PUBLISHERS
    )
    max_backlog: int = option(
        5_000_000,
        "Deliveries that may be waiting before publishers are answered with 503.",
        _whole(1, 10**12),
        group=Group.PUBLISHERS,
    )
    dead_letter_days: float = option(30.0, "Days to keep dead letters.", _number(0.01, 3650), group=Group.DELIVERIES)
    message_days: float = option(
        7.0,
        "Days to keep messages, what became of them, and failed attempts.",
        _number(0, 3650),
        group=Group.DELIVERIES,
    )
    max_message_bytes: int = option(
        268_435_456,
        "Bytes of messages to keep besides those still owed; a quarter as much of failed attempts.",
        _whole(0, 10**15),
        group=Group.DELIVERIES,
    )
    log_format: str = option(
        "text", "The log format: text for people, json for programs.", _choice("text", "json"), group=Group.OPERATING
    )
    log_level: str = option(
        "info", "The lowest level to log.", _choice("debug", "info", "warning", "error"), group=Group.OPERATING
    )
    loop: str = option(
        "auto",
        "The event loop: asyncio, trio or uvloop. auto uses uvloop if it is installed.",
        _choice("auto", "asyncio", "trio", "uvloop"),
        group=Group.OPERATING,
    )

    server: str = option(
        "auto",
        "The HTTP server: hypercorn, or uvicorn of the extra speed, which takes less time and not --loop trio; "
        "auto takes uvicorn where it can.",
        _choice("auto", "hypercorn", "uvicorn"),
        group=Group.OPERATING,
    )

    tracing: bool = option(
        False,
        "Make spans with OpenTelemetry, of the extra tracing, whose own variables OTEL_... say where to and how many.",
        _switch,
        group=Group.OPERATING,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if not self.min_lease_seconds <= self.lease_seconds <= self.max_lease_seconds:
            raise SettingsError("The leases must satisfy min-lease-seconds <= lease-seconds <= max-lease-seconds.")
        if self.server == "uvicorn" and self.loop == "trio":
            raise SettingsError("--server uvicorn runs on asyncio and uvloop, not on --loop trio.")
        if self.unix_socket is not None and self.certfile is not None:
            raise SettingsError("--unix-socket is for a proxy, which does TLS itself: leave out --certfile.")
        if self.viewer_token is not None and self.viewer_token == self.admin_token:
            raise SettingsError("--viewer-token must differ from --admin-token, which may change everything.")

    def url_at(self, base: str) -> str:
        """Return the hub's public URL.

        Args:
            base: The base URL of the address that it listens on.

        Raises:
            SettingsError: None is set, and others than this machine are meant to reach the address.
        """
        if self.public_url is not None:
            return self.public_url
        if self.unix_socket is not None:
            raise SettingsError("--public-url must be set when listening on a Unix socket: the URL that others use.")
        if not is_loopback_host(self.host):
            where = self.host or "all addresses"
            raise SettingsError(f"--public-url must be set when listening on {where}: the URL that others use.")
        return base + HUB_PATH
