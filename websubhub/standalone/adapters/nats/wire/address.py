"""The setting that names the servers."""

import re
from urllib.parse import parse_qsl

from attrs import frozen

from websubhub.standalone.ports import StoreError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_SIZE = re.compile(r"(?!0+(\.0+)?$)[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
_SERVERS_MOST = 16
_REPLICAS = {"1", "3", "5"}
_FORM = "nats://HOST:PORT[,HOST:PORT...][?name=NAME&replicas=1|3|5&gib=NUMBER]"


@frozen
class Address:
    """Where the servers are, and what is asked of them.

    Attributes:
        servers: Their URLs, perhaps with a user and a password.
        name: The name of the hub, which its streams begin with. Hubs with different names share nothing.
        replicas: How many servers keep each message, or 0 for three in a cluster and one otherwise.
        gib: The space for updates, in GiB. Everything else may take 1.9 times as much together.
    """

    servers: tuple[str, ...]
    name: str = "wsh"
    replicas: int = 0
    gib: float = 10.0


def parse_address(text: str) -> Address:
    """Return the address in a setting, without its ``nats://``.

    Raises:
        StoreError: It is none.
    """
    places, _, query = text.partition("?")
    servers = tuple(place.strip().removeprefix("nats://").rstrip("/") for place in places.split(","))
    options = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=8))
    name, replicas = options.pop("name", "wsh"), options.pop("replicas", "")
    gib = options.pop("gib", "10")
    if not all(servers) or len(servers) > _SERVERS_MOST:
        raise StoreError(f"The store must be written {_FORM}, with 1 to {_SERVERS_MOST} servers.")
    if options or not _NAME.fullmatch(name) or (replicas and replicas not in _REPLICAS) or not _SIZE.fullmatch(gib):
        raise StoreError(f"The options of the store must be written {_FORM}.")
    return Address(tuple(f"nats://{server}" for server in servers), name, int(replicas or 0), float(gib))
