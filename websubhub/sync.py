"""The publisher's client for code without an event loop: Django views, Flask, Celery tasks, scripts.

::

    with PublisherClient("https://hub.example.com/hub", token="...") as publisher:
        publisher.publish_update("https://example.com/feed", {"headline": "It works"})
"""

from typing import Any, Final

import websubhub as _asynchronous
from _websub.blocking import BlockingClient, blocking

__all__ = ["PublisherClient"]


class PublisherClient(BlockingClient):
    """A ``websubhub.PublisherClient`` whose methods block until they are done.

    Args:
        url: The hub's URL.
        settings: The other arguments of ``websubhub.PublisherClient``: ``token``, ``headers``, ``retry``, ``timeout``
            and so on. If you pass a ``client``, it must be an asynchronous one.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument cannot be used.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(_asynchronous.PublisherClient(url, **settings))

    register_topic: Final = blocking(_asynchronous.PublisherClient.register_topic)
    deregister_topic: Final = blocking(_asynchronous.PublisherClient.deregister_topic)
    publish_update: Final = blocking(_asynchronous.PublisherClient.publish_update)
    notify_update: Final = blocking(_asynchronous.PublisherClient.notify_update)
