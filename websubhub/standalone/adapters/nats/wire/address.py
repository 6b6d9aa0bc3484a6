"""The setting that names the servers."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen

from websubhub.standalone.ports import StoreError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_SIZE = re.compile(r"(?!0+(\.0+)?$)[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_SERVERS_MOST = 16
_REPLICAS = {"1", "3", "5"}
_SCHEMES = ("nats://", "tls://")
_SERVERS = "nats://HOST:PORT[,HOST:PORT...], perhaps with one USER:PASSWORD@ before all of them"
_OPTIONS = (
    "?name=NAME&replicas=1|3|5&gib=NUMBER&wait=SECONDS&tls=true|false&ca=FILE&cert=FILE&key=FILE&token_file=FILE"
    "&creds=FILE"
)


@frozen
class Address:
    """The servers, and the options of the connection and the streams.

    Attributes:
        servers: Their URLs.
        name: The name of the hub, which its streams begin with. Hubs with different names share nothing.
        replicas: How many servers keep each message, or 0 for three in a cluster and one otherwise.
        gib: The space for updates, in GiB. Everything else may take 1.9 times as much together.
        user: The user, or an empty string. Without a password, it is a token.
        password: The password.
        token_file: A file whose first line is a token, or an empty string.
        creds: A file with the credentials of a user, as ``nsc`` writes it, or an empty string.
        wait: For how many seconds to try again at the start while no server can be used.
        tls: Whether the connection must be encrypted.
        ca: A file with the certificates to trust instead of the system's.
        cert: A file with the certificate of this hub, for servers that require one.
        key: A file with its private key, if that is not in the same file.
    """

    servers: tuple[str, ...]
    name: str = "wsh"
    replicas: int = 0
    gib: float = 10.0
    user: str = field(default="", repr=False)
    password: str | None = field(default=None, repr=False)
    token_file: str = ""
    creds: str = ""
    wait: int = 0
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def places(self) -> str:
        """The servers, for people."""
        return ", ".join(server.partition("://")[2] for server in self.servers)


def parse_address(text: str) -> Address:
    """Return the address in a setting, without its first ``nats://``.

    Raises:
        StoreError: It is not an address.
    """
    places, _, query = text.partition("?")
    parts = [place.strip().rstrip("/") for place in places.split(",")]
    schemes = {scheme for part in parts for scheme in _SCHEMES if part.startswith(scheme)}
    bare = [part.removeprefix(_SCHEMES[0]).removeprefix(_SCHEMES[1]) for part in parts]
    accounts = [part.rpartition("@")[0] for part in bare if "@" in part]
    hosts = [part.rpartition("@")[2] for part in bare]
    options = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=16))
    values = _options(options, is_tls="tls://" in schemes)
    if not all(hosts) or len(hosts) > _SERVERS_MOST or len(set(accounts)) > 1 or any("://" in host for host in hosts):
        raise StoreError(f"The store must be written {_SERVERS}, with 1 to {_SERVERS_MOST} servers.")
    user, separator, password = (accounts or [""])[0].partition(":")
    scheme = "tls" if values["tls"] else "nats"
    return Address(
        tuple(f"{scheme}://{host}" for host in hosts),
        user=unquote(user),
        password=unquote(password) if separator else None,
        **values,
    )


def _options(options: dict[str, str], *, is_tls: bool) -> dict[str, Any]:
    name, replicas = options.pop("name", "wsh"), options.pop("replicas", "")
    gib, tls, wait = options.pop("gib", "10"), options.pop("tls", ""), options.pop("wait", "0")
    files = {word: options.pop(word, "") for word in ("ca", "cert", "key", "token_file", "creds")}
    is_right = not options and _NAME.fullmatch(name) and (not replicas or replicas in _REPLICAS)
    if (
        not is_right
        or not _SIZE.fullmatch(gib)
        or tls not in {"", "true", "false"}
        or not _SECONDS.fullmatch(wait)
        or (files["key"] and not files["cert"])
    ):
        raise StoreError(f"The options of the store must be some of {_OPTIONS}.")
    encrypted = is_tls or tls == "true" or (not tls and bool(files["ca"] or files["cert"]))
    numbers = {"replicas": int(replicas or 0), "gib": float(gib), "wait": int(wait)}
    return {"name": name, "tls": encrypted, **numbers, **files}
