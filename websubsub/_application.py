"""A subscriber as an ASGI application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from _websub.arguments import check_kind
from _websub.asgi.edge import AsgiEdge, AsgiSend, Receive, Scope
from _websub.calls.client import AsyncClient
from _websub.grammar.addresses import is_loopback_url
from _websub.grammar.urls import is_https
from _websub.http import Answer, Request, Response
from _websub.limits import EdgeLoad
from websubsub._config import SubscriberConfig, Target
from websubsub._discovery.client import DiscoveryClient
from websubsub._discovery.discovery import DiscoveryOptions
from websubsub._dispatcher import Dispatcher
from websubsub._events import EventKind, Reporter, SubscriberEvent
from websubsub._lifecycle.lifecycle import Clients, Lifecycle
from websubsub._service import SubscriberService
from websubsub._state.file import StateError
from websubsub._state.keeping import Failed
from websubsub._state.kinds import open_state
from websubsub._state.state import Subscription
from websubsub._state.subscriptions import Subscriptions
from websubsub._subscription_client import SubscriptionClient

log = logging.getLogger("websubsub")

#: A server that begins the lifespan before it listens could miss a verification that arrives at once.
_LISTENING_SECONDS = 0.5
#: How long unsubscribing may take when a server stops.
UNSUBSCRIBE_SECONDS = 20.0


class SubscriberApplication:
    """A subscriber as an ASGI application and async context manager: it answers hubs and keeps its targets subscribed.

    It subscribes once it is entered. Enter it yourself if the server sends no lifespan events, for example when the
    application is mounted in another framework.

    Args:
        service: The subscriber.
        config: Its settings.
        client: Your own HTTP client for hubs and resources, with all of its settings.
        discovery: Options of discovery beyond the specification.
        insecure_secrets: Whether secrets may be sent over plain http to other machines.

    Raises:
        ValueError: The config has no URL.
    """

    def __init__(
        self,
        service: SubscriberService,
        config: SubscriberConfig,
        *,
        client: AsyncClient | None = None,
        discovery: DiscoveryOptions | None = None,
        insecure_secrets: bool = False,
    ) -> None:
        check_kind("The service", service, SubscriberService)
        check_kind("The config", config, SubscriberConfig)
        self.service = service
        self.config = config
        url = config.public_url
        if not is_https(url) and not is_loopback_url(url):
            log.warning("The callbacks below %s do not use https: anyone on the way can read them.", url)
        report = Reporter(config.observer)
        self.subscriptions: Subscriptions = Subscriptions(url, open_state(config.state), failed=_report_unsaved(report))
        self._clients = Clients(
            discovery=DiscoveryClient(client=client, options=discovery),
            trusted=SubscriptionClient(self.subscriptions, client=client, insecure_secrets=insecure_secrets),
            untrusted=SubscriptionClient(
                self.subscriptions, client=client, insecure_secrets=insecure_secrets, private_hubs=False
            ),
        )
        self._lifecycle = Lifecycle(config, self.subscriptions, self._clients, report)
        self._dispatcher = Dispatcher(service, config, self.subscriptions, report)
        self._edge = AsgiEdge(
            self._handle,
            limits=config.limits,
            resources=self._resources,
            coded=True,  # the signature covers the bytes as they were sent
            refused=self._refused,
        )
        self._targets = {target.name: target for target in config.targets}
        self._tasks: TaskGroup | None = None
        self._listening = anyio.Event()
        self._listens = False

    @property
    def load(self) -> EdgeLoad:
        """How busy the application is, for health checks and metrics."""
        return self._edge.load

    def listening(self) -> None:
        """Tell the application that requests are accepted now. Otherwise, it subscribes half a second later."""
        if not self._listens:
            self._listens = True
            self._listening.set()

    def subscribe(self, target: "Target | str") -> None:
        """Keep another target subscribed. The observer of the config gets its events.

        Args:
            target: The target, or the URL of a resource.

        Raises:
            RuntimeError: The application is not running.
        """
        if self._tasks is None:
            raise RuntimeError("The application is not running. Pass what to subscribe to as targets of its config.")
        chosen = Target(resource=target) if isinstance(target, str) else target
        self._targets[chosen.name] = chosen
        self._tasks.start_soon(self._lifecycle.keep, chosen)

    async def unsubscribe(self, target: "Target | str", *, seconds: float = UNSUBSCRIBE_SECONDS) -> bool:
        """Unsubscribe from a target.

        Args:
            target: The target, or the URL of a resource.
            seconds: How long to wait for the hub's verification.

        Returns:
            Whether the hub has verified it.
        """
        chosen = Target(resource=target) if isinstance(target, str) else target
        self._targets.pop(chosen.name, None)
        return await self._lifecycle.leave(chosen, seconds)

    async def unsubscribe_all(self, *, seconds: float = UNSUBSCRIBE_SECONDS) -> None:
        """Unsubscribe from all targets at once, while requests are still accepted.

        Args:
            seconds: How long to wait for the verifications.
        """
        async with anyio.create_task_group() as tasks:
            for target in tuple(self._targets.values()):
                tasks.start_soon(self._lifecycle.leave, target, seconds)

    async def _handle(self, request: Request) -> Answer:
        self.listening()
        return await self._dispatcher.handle(request)

    def _refused(self, scope: Scope, response: Response) -> None:
        self.listening()
        self._dispatcher.note_refusal(scope["method"], scope["path"], response)

    @asynccontextmanager
    async def _resources(self) -> AsyncIterator[None]:
        try:
            async with self.subscriptions, anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self._lifecycle.watch)
                for target in self._targets.values():
                    tasks.start_soon(self._keep, target)
                try:
                    yield
                finally:
                    self._tasks = None
                    tasks.cancel_scope.cancel()
        finally:
            await self._clients.aclose()

    async def _keep(self, target: Target) -> None:
        with anyio.move_on_after(_LISTENING_SECONDS):
            await self._listening.wait()
        await self._lifecycle.keep(target)

    async def __aenter__(self) -> Self:
        """Load the state, and start subscribing."""
        await self._edge.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for queued deliveries within the limit of the config, then stop. Subscriptions stay as they are."""
        await self._edge.__aexit__(kind, error, traceback)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        await self._edge(scope, receive, send)


def _report_unsaved(report: Reporter) -> Failed:
    """Return a function that reports subscriptions that could not be stored."""

    def tell(subscription: Subscription, error: Exception) -> None:
        reason = "internal error"
        if isinstance(error, StateError):
            reason = f"{error} The subscription continues in memory."
        else:
            log.error("The store of the subscriptions failed.", exc_info=error)
        topic, hub = subscription.topic, subscription.hub
        report(SubscriberEvent(kind=EventKind.FAILED, topic=topic, hub=hub, reason=reason, error=error))

    return tell


def asgi(
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    client: AsyncClient | None = None,
    discovery: DiscoveryOptions | None = None,
    insecure_secrets: bool = False,
) -> SubscriberApplication:
    """Return a subscriber as an ASGI application with its callbacks below ``config.url``.

    Args:
        service: The subscriber.
        config: Its settings. They need a ``url``, since an application does not know where it is served.
        client: Your own HTTP client for hubs and resources, with all of its settings.
        discovery: Options of discovery beyond the specification.
        insecure_secrets: Whether secrets may be sent over plain http to other machines.

    Raises:
        ValueError: The config has no URL.

    Example:
        ```python
        from websubsub import SubscriberConfig, SubscriberService, asgi


        class Subscriber(SubscriberService):
            async def on_event_notification(self, message):
                print(message.topic, message.text())


        app = asgi(Subscriber(), SubscriberConfig(url="https://subscriber.example.com/", targets="https://example.com/feed"))
        ```
    """
    return SubscriberApplication(
        service, config or SubscriberConfig(), client=client, discovery=discovery, insecure_secrets=insecure_secrets
    )
