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
        "The URL at which subscribers and publishers reach the hub. On loopback, the default is http://HOST:PORT/hub.",
        _public_url,
        metavar="URL",
        group=Group.ADDRESS,
    )
    certfile: str | None = option(
        None,
        "A PEM file with the certificate chain, to serve HTTPS and HTTP/2.",
        _path,
        metavar="FILE",
        group=Group.ADDRESS,
    )
    keyfile: str | None = option(
        None,
        "A PEM file with the private key, unless the certificate file contains it.",
        _path,
        metavar="FILE",
        group=Group.ADDRESS,
    )
    unix_socket: str | None = option(
        None,
        "The path of a Unix socket to listen on instead of a host and port, for a proxy on the same machine.",
        _path,
        metavar="PATH",
        group=Group.ADDRESS,
    )
    store: str = option(
        "sqlite:///websubhub.db",
        f"Where to keep the hub's state: {forms(uses=True)}.",
        _store,
        metavar="STORE",
        group=Group.ADDRESS,
    )
    lease_seconds: int = option(
        864_000,
        "The lease granted when a subscriber does not ask for one.",
        _whole(1, 31_536_000),
        group=Group.SUBSCRIPTIONS,
    )
    min_lease_seconds: int = option(
        300, "The shortest lease granted.", _whole(1, 31_536_000), group=Group.SUBSCRIPTIONS
    )
    max_lease_seconds: int = option(
        2_592_000, "The longest lease granted.", _whole(1, 31_536_000), group=Group.SUBSCRIPTIONS
    )
    subscriptions_per_host: int = option(
        100_000,
        "The most subscriptions with callbacks on one host. Above it, new ones get 429; renewals still pass.",
        _whole(1, 10**12),
        group=Group.SUBSCRIPTIONS,
    )
    max_subscriptions: int = option(
        5_000_000,
        "The most subscriptions in total. Above it, new ones get 503; renewals still pass.",
        _whole(1, 10**12),
        group=Group.SUBSCRIPTIONS,
    )
    retry_delays: tuple[float, ...] = option(
        RETRY_DELAYS,
        "Seconds to wait before each retry of a failed delivery. After the last retry, it becomes a dead letter.",
        _delays,
        metavar="SECONDS,...",
        group=Group.DELIVERIES,
    )
    refused_attempts: int = option(
        REFUSED_ATTEMPTS,
        "Attempts at a delivery that the subscriber refuses. "
        "After them, it becomes a dead letter and the next update is sent.",
        _whole(1, 100),
        group=Group.DELIVERIES,
    )
    delivery_timeout: float = option(
        10.0, "Seconds that a subscriber has to respond in full.", _number(0.1, 300), group=Group.DELIVERIES
    )
    concurrency: int = option(
        512,
        "Deliveries in progress at once, not counting those that a subscriber keeps waiting.",
        _whole(1, 10_000),
        group=Group.DELIVERIES,
    )
    concurrency_per_host: int = option(64, "Connections to one host at once.", _whole(1, 1_000), group=Group.DELIVERIES)
    idle_seconds: float = option(
        60.0,
        "Seconds to keep an idle connection for the next delivery to its host; four times as long for HTTPS.",
        _number(0, 3_600),
        group=Group.DELIVERIES,
    )
    signature_method: str = option(
        "sha256", "The hash algorithm for signing deliveries.", _choice(*SignatureMethod), group=Group.DELIVERIES
    )
    topics: str = option(
        "open",
        "Which topics accept subscriptions: open for any topic, registered for those that a publisher has registered.",
        _choice("open", "registered"),
        group=Group.SUBSCRIPTIONS,
    )
    validate_topics: bool = option(
        False,
        "Fetch a topic before its first subscription, and deny it unless the topic's Link header names this hub.",
        _switch,
        group=Group.SUBSCRIPTIONS,
    )
    feed_diff: tuple[str, ...] = option(
        (),
        "An Atom or RSS topic whose deliveries contain only new entries, or * for all topics; repeatable.",
        metavar="TOPIC",
        many=True,
        group=Group.DELIVERIES,
    )
    latest_only: tuple[str, ...] = option(
        (),
        "A topic whose newer updates replace those still waiting, or * for all topics; repeatable.",
        metavar="TOPIC",
        many=True,
        group=Group.DELIVERIES,
    )
    publisher_token: tuple[str, ...] = option(
        (),
        "A bearer token that publishers need to publish content and to register or deregister topics, "
        "optionally named; repeatable.",
        _publisher_token,
        metavar="[NAME=]TOKEN",
        many=True,
        secret=True,
        group=Group.PUBLISHERS,
    )
    anonymous_publishers: bool = option(
        False,
        "Let anyone publish content and register or deregister topics, even on a public hub.",
        _switch,
        group=Group.PUBLISHERS,
    )
    admin_token: str | None = option(
        None,
        "The bearer token for the admin API. Without one, the API is available only on loopback hubs.",
        _token,
        metavar="TOKEN",
        secret=True,
        group=Group.OPERATING,
    )
    viewer_token: str | None = option(
        None,
        "A bearer token that gives read-only access to the admin API.",
        _token,
        metavar="TOKEN",
        secret=True,
        group=Group.OPERATING,
    )
    allow_network: tuple[str, ...] = option(
        (),
        "A private network where callbacks and topics may be; repeatable.",
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
        "Deliveries that may be waiting before publishers get 503.",
        _whole(1, 10**12),
        group=Group.PUBLISHERS,
    )
    dead_letter_days: float = option(30.0, "Days to keep dead letters.", _number(0.01, 3650), group=Group.DELIVERIES)
    message_days: float = option(
        7.0,
        "Days to keep messages, their results and failed attempts.",
        _number(0, 3650),
        group=Group.DELIVERIES,
    )
    max_message_bytes: int = option(
        268_435_456,
        "Bytes of messages to keep besides those still to be delivered; for failed attempts, a quarter of that.",
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
        "The event loop: asyncio, trio or uvloop; auto uses uvloop if it is installed.",
        _choice("auto", "asyncio", "trio", "uvloop"),
        group=Group.OPERATING,
    )

    server: str = option(
        "auto",
        "The HTTP server: hypercorn, or uvicorn from the extra speed, which is faster but does not support "
        "--loop trio; auto uses uvicorn where possible.",
        _choice("auto", "hypercorn", "uvicorn"),
        group=Group.OPERATING,
    )

    tracing: bool = option(
        False,
        "Record OpenTelemetry spans, which needs the extra tracing. The variables OTEL_... set the destination and "
        "the sampling.",
        _switch,
        group=Group.OPERATING,
    )

    def __attrs_post_init__(self) -> None:
        """Reject settings that contradict each other."""
        if not self.min_lease_seconds <= self.lease_seconds <= self.max_lease_seconds:
            raise SettingsError("The leases must satisfy min-lease-seconds <= lease-seconds <= max-lease-seconds.")
        if self.server == "uvicorn" and self.loop == "trio":
            raise SettingsError("--server uvicorn runs on asyncio and uvloop, not with --loop trio.")
        if self.unix_socket is not None and self.certfile is not None:
            raise SettingsError("--unix-socket is for a proxy that handles TLS: leave out --certfile.")
        if self.viewer_token is not None and self.viewer_token == self.admin_token:
            raise SettingsError("--viewer-token must differ from --admin-token, which can change everything.")

    def url_at(self, base: str) -> str:
        """Return the hub's public URL.

        Args:
            base: The base URL of the address where it listens.

        Raises:
            SettingsError: No public URL is set, and the hub does not listen on a loopback address.
        """
        if self.public_url is not None:
            return self.public_url
        if self.unix_socket is not None:
            raise SettingsError("--public-url must be set when listening on a Unix socket, to the URL that others use.")
        if not is_loopback_host(self.host):
            where = self.host or "all addresses"
            raise SettingsError(f"--public-url must be set when listening on {where}, to the URL that others use.")
        return base + HUB_PATH
