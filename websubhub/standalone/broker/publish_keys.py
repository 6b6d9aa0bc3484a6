"""Keys of publish requests, so that a repeated request is accepted only once."""

from hashlib import sha256

from websubhub import url_identity
from websubhub.standalone.ports import PublishKey

WINDOW_SECONDS = 86_400.0
"""How long a key is remembered."""
KEYS_LIMIT = 100_000
"""How many keys are remembered. The oldest are dropped first."""


def own_id(key: PublishKey, topic: str) -> str:
    """Return a new id for an update whose id another publisher has already used for the topic.

    Subscribers treat two messages with the same id as one.
    """
    return sha256(f"{key.publisher} {url_identity(topic)} {key.id}".encode()).hexdigest()[:32]
