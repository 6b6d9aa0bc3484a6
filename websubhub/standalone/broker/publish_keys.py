"""Keys of publish requests, so that a repeated request is accepted once."""

from hashlib import sha256

from websubhub import url_identity
from websubhub.standalone.ports import PublishKey

WINDOW_SECONDS = 86_400.0
"""How long a key holds."""
KEYS_LIMIT = 100_000
"""How many are remembered; the oldest ones go."""


def own_id(key: PublishKey, topic: str) -> str:
    """Return the id of an update whose key has an id that another publisher has used for the topic.

    Subscribers take two messages with one id for the same message.
    """
    return sha256(f"{key.publisher} {url_identity(topic)} {key.id}".encode()).hexdigest()[:32]
