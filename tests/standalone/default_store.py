"""The store of a hub in a test that says nothing of stores: one on NATS, if the whole run is to be over NATS."""

import os
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

#: Where a nats-server is that all tests of the run may use: ``python -m tests.cluster`` sets it.
VARIABLE = "TESTED_OVER_NATS"


def default_store(folder: Path | None = None) -> str:
    """The setting of a store that nobody else has.

    Args:
        folder: Where it is kept, so that a hub that is started there again has what it had. Without one, nothing stays.
    """
    server = os.environ.get(VARIABLE)
    if server is None:
        return "memory:" if folder is None else f"sqlite:///{folder / 'hub.db'}"
    place = uuid4().hex if folder is None else str(folder)
    # The one server of the run reserves the space of every hub, so it is little.
    return f"{server}?name=t{blake2b(place.encode(), digest_size=12).hexdigest()}&gib=0.006"
