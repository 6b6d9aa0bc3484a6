"""Users of a nats-server that only knows JWTs, made as the tool nsc makes them."""

import json
import os
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import nkeys

_UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}
_STREAMS = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
_CREDS = """-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""


def write_user(folder: Path) -> tuple[Path, Path]:
    """Write the configuration of a server with one account, and the credentials of a user of it.

    Returns:
        The two files.
    """
    operator, account, system, user = (
        _pair(kind)
        for kind in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    accounts = {
        _name(account): _jwt(operator, account, {"type": "account", "limits": _UNLIMITED | _STREAMS}),
        _name(system): _jwt(operator, system, {"type": "account", "limits": _UNLIMITED}),
    }
    own = _jwt(operator, operator, {"type": "operator", "system_account": _name(system)})
    preload = "\n".join(f"  {name}: {jwt}" for name, jwt in accounts.items())
    config, creds = folder / "jwt.conf", folder / "user.creds"
    config.write_text(f"operator: {own}\nresolver: MEMORY\nresolver_preload {{\n{preload}\n}}\n")
    of_user = _jwt(account, user, {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}})
    creds.write_text(_CREDS.format(jwt=of_user, seed=user.seed.decode()))
    return config, creds


def _pair(kind: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), kind)))


def _name(pair: Any) -> str:
    name: str = pair.public_key.decode()
    return name


def _jwt(issuer: Any, subject: Any, claims: dict[str, object]) -> str:
    said = {"iat": int(time.time()), "iss": _name(issuer), "sub": _name(subject), "nats": claims | {"version": 2}}
    parts = [_base64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, said)]
    text = ".".join(parts)
    return f"{text}.{_base64(issuer.sign(text.encode()))}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
