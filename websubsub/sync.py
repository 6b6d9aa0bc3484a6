"""The clients of a subscriber for code without an event loop: discover hubs, subscribe, unsubscribe.

::

    discovery = DiscoveryClient().discover("https://example.com/feed")
    SubscriptionClient().subscribe(
        hub=discovery.hubs[0], topic=discovery.topic, callback="https://example.com/callbacks/4f1e", secret="..."
    )
"""

from typing import Any, Final

import websubsub as _asynchronous
from _websub.blocking import BlockingClient, blocking
from _websub.namesake import require_own_subscriber

__all__ = ["DiscoveryClient", "SubscriptionClient"]

require_own_subscriber()


class DiscoveryClient(BlockingClient):
    """A ``websubsub.DiscoveryClient`` whose methods block until they are done.

    Args:
        settings: The arguments of ``websubsub.DiscoveryClient``. If you pass a ``client``, it must be an asynchronous
            one.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(_asynchronous.DiscoveryClient(**settings))

    discover: Final = blocking(_asynchronous.DiscoveryClient.discover)


class SubscriptionClient(BlockingClient):
    """A ``websubsub.SubscriptionClient`` whose methods block until they are done.

    The callback must answer the hub's verification, so serve it elsewhere, for example in a view of your application.

    Args:
        settings: The arguments of ``websubsub.SubscriptionClient``. If you pass a ``client``, it must be an
            asynchronous one.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(_asynchronous.SubscriptionClient(**settings))

    subscribe: Final = blocking(_asynchronous.SubscriptionClient.subscribe)
    unsubscribe: Final = blocking(_asynchronous.SubscriptionClient.unsubscribe)
