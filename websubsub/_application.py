"""A subscriber as an ASGI application, and on hypercorn by itself."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from _websub import serving
from _websub.addresses import is_loopback_host
from _websub.asgi import AsgiEdge, AsgiSend, Receive, Scope
from _websub.client import AsyncClient
from _websub.http import Answer, Request
from _websub.limits import EdgeLoad
from _websub.serving import Binding
from _websub.urls import host_of, is_https
from websubsub._config import SubscriberConfig, Target
from websubsub._discovery import DiscoveryOptions
from websubsub._discovery_client import DiscoveryClient
from websubsub._dispatcher import Dispatcher
from websubsub._events import Reporter
from websubsub._lifecycle import Clients, Lifecycle
from websubsub._service import SubscriberService
from websubsub._state import StateStore
from websubsub._state_file import StateFile
from websubsub._subscription_client import SubscriptionClient
from websubsub._subscriptions import MemoryStore, Subscriptions

log = logging.getLogger("websubsub")

_SQLITE = "sqlite:///"
#: A server that passes the lifespan on before it listens would miss a verification that comes at once.
_LISTENING_SECONDS = 0.5
#: How long unsubscribing may take when a server stops.
UNSUBSCRIBE_SECONDS = 20.0


def open_state(state: "str | StateStore") -> StateStore:
    """The store that a setting names.

    Args:
        state: ``memory:``, ``sqlite:///FILE``, or a store.

    Raises:
        ValueError: It names none.
    """
    if not isinstance(state, str):
        return state
    if state in {"memory:", "memory"}:
        return MemoryStore()
    if state.startswith(_SQLITE) and len(state) > len(_SQLITE):
        return StateFile(Path(state.removeprefix(_SQLITE)))
    raise ValueError(f"The state {state!r} is unknown; write memory: or sqlite:///FILE.")


class SubscriberApplication:
    """An ASGI application that answers hubs and keeps its targets subscribed; also an async context manager.

    Enter it where the server passes no lifespan on, as below the mount of another framework: the subscriptions are
    made once it is entered.

    Args:
        service: The subscriber.
        config: Its settings.
        client: Your own HTTP client, for hubs and resources.
        discovery: What discovery may do beyond the specification.
        insecure_secrets: Whether secrets may be sent over plain http to other machines.
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
        self.service = service
        self.config = config
        if not is_https(config.url) and not is_loopback_host(host_of(config.url)):
            log.warning("The callbacks below %s have no https: whoever is on the way can read them.", config.url)
        self.subscriptions = Subscriptions(config.url, open_state(config.state))
        report = Reporter(config.observer)
        self._clients = Clients(
            discovery=DiscoveryClient(client=client, options=discovery),
            named=SubscriptionClient(self.subscriptions, client=client, insecure_secrets=insecure_secrets),
            found=SubscriptionClient(
                self.subscriptions, client=client, insecure_secrets=insecure_secrets, private_hubs=False
            ),
        )
        self._lifecycle = Lifecycle(config, self.subscriptions, self._clients, report)
        self._dispatcher = Dispatcher(service, config, self.subscriptions, report)
        self._edge = AsgiEdge(self._handle, limits=config.limits, resources=self._resources)
        self._targets = {target.name: target for target in config.targets}
        self._tasks: TaskGroup | None = None
        self._listening = anyio.Event()

    @property
    def load(self) -> EdgeLoad:
        """How busy the application is, for health checks and metrics."""
        return self._edge.load

    def listening(self) -> None:
        """Say that requests are accepted now; without being told, the application waits half a second."""
        self._listening.set()

    def subscribe(self, target: "Target | str") -> None:
        """Keep one more target subscribed; what becomes of it is told to the observer of the config.

        Args:
            target: The target, or the URL of a resource.

        Raises:
            RuntimeError: The application is not running.
        """
        if self._tasks is None:
            raise RuntimeError("The application is not running; give what to subscribe to as targets of its config.")
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
        self._listening.set()
        return await self._dispatcher.handle(request)

    @asynccontextmanager
    async def _resources(self) -> AsyncIterator[None]:
        try:
            async with self.subscriptions, anyio.create_task_group() as tasks:
                self._tasks = tasks
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
        """Read the state and begin to subscribe."""
        await self._edge.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let queued deliveries finish within the limit of the config, then stop; subscriptions stay as they are."""
        await self._edge.__aexit__(kind, error, traceback)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        await self._edge(scope, receive, send)


def asgi(
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    client: AsyncClient | None = None,
    discovery: DiscoveryOptions | None = None,
    insecure_secrets: bool = False,
) -> SubscriberApplication:
    """A subscriber as an ASGI application whose callbacks live below ``config.url``.

    Args:
        service: The subscriber.
        config: Its settings.
        client: Your own HTTP client, for hubs and resources.
        discovery: What discovery may do beyond the specification.
        insecure_secrets: Whether secrets may be sent over plain http to other machines.
    """
    return SubscriberApplication(
        service, config or SubscriberConfig(), client=client, discovery=discovery, insecure_secrets=insecure_secrets
    )


async def serve(
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    certfile: str | None = None,
    keyfile: str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a subscriber on hypercorn until cancelled.

    Args:
        service: The subscriber.
        config: Its settings.
        host: The address to listen on.
        port: The port to listen on; ``config.url`` has to lead there.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key.
        ready: Called with the base URL once requests are accepted.

    Raises:
        OSError: The address cannot be listened on.
    """
    binding = Binding(host=host, port=port, certfile=certfile, keyfile=keyfile)
    await serve_application(asgi(service, config), binding, ready=ready)


async def serve_application(
    app: SubscriberApplication,
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve an application until ``stop`` returns; then unsubscribe, if its config says so, and end."""

    def announce(url: str) -> None:
        app.listening()
        if ready is not None:
            ready(url)

    async def stopping() -> None:
        await stop()
        # Hubs verify an unsubscription by asking, so the server has to be there still.
        if app.config.unsubscribe_on_shutdown:
            await app.unsubscribe_all()

    await serving.serve(app, binding, stop=stopping, ready=announce)


def run(
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    backend: str = "asyncio",
) -> None:
    """Serve a subscriber on hypercorn until SIGINT or SIGTERM.

    Args:
        service: The subscriber.
        config: Its settings.
        host: The address to listen on.
        port: The port to listen on; ``config.url`` has to lead there.
        backend: ``asyncio`` or ``trio``.

    Raises:
        OSError: The address cannot be listened on.
    """

    async def main(stop: Callable[[], Awaitable[object]]) -> None:
        await serve_application(asgi(service, config), Binding(host=host, port=port), stop=stop)

    serving.run(main, backend=backend)
