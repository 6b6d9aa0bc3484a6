"""The vocabulary of the WebSub protocol: parameter names, modes, headers and limits."""

from enum import StrEnum
from typing import Final

FORM = "application/x-www-form-urlencoded"
OCTET_STREAM = "application/octet-stream"

#: A secret must be shorter than this, in bytes of UTF-8 (W3C 5.1).
SECRET_LIMIT = 200

#: The characters a challenge may consist of (W3C 2026, 5.3).
CHALLENGE_CHARACTERS = frozenset("+-./0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")

#: The default lease, and the range that leases are clamped to, in seconds (W3C 8.2: 10 days is a good default).
DEFAULT_LEASE_SECONDS = 864_000
MIN_LEASE_SECONDS = 300
MAX_LEASE_SECONDS = 2_592_000


#: The User-Agent of every outgoing request.
USER_AGENT = "websubhub/0.1.0"


class Parameter:
    """The names of request parameters. They are plain strings for speed, since each request looks up a dozen."""

    MODE: Final = "hub.mode"
    TOPIC: Final = "hub.topic"
    URL: Final = "hub.url"
    CALLBACK: Final = "hub.callback"
    LEASE_SECONDS: Final = "hub.lease_seconds"
    SECRET: Final = "hub.secret"
    CHALLENGE: Final = "hub.challenge"
    REASON: Final = "hub.reason"


class Mode(StrEnum):
    """The values of ``hub.mode``."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    PUBLISH = "publish"
    REGISTER = "register"
    DEREGISTER = "deregister"
    ACCEPTED = "accepted"
    DENIED = "denied"
    HUB_ERROR = "hub-error"


class Header:
    """The names of the headers that WebSub uses."""

    CONTENT_TYPE: Final = "Content-Type"
    LINK: Final = "Link"
    SIGNATURE: Final = "X-Hub-Signature"
    MESSAGE_ID: Final = "X-Hub-Message-Id"
    SUBSCRIPTIONS: Final = "X-Hub-Subscriptions"
    #: How Ballerina marks publish requests: ``publish`` carries the content, ``event`` only announces it.
    PUBLISHER: Final = "x-ballerina-publisher"


class SignatureMethod(StrEnum):
    """The hash functions that can sign a delivery (W3C 7.1)."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"
