"""Serving a subscriber on its own."""

from collections.abc import Awaitable, Callable

import anyio

from _websub.arguments import check_kind
from _websub.asgi.public_urls import check_host, warn_of_loopback
from _websub.server import serving
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from _websub.server.telling import telling, told_ready
from websubsub._application import UNSUBSCRIBE_SECONDS, SubscriberApplication, asgi
from websubsub._config import SubscriberConfig
from websubsub._service import SubscriberService


async def serve(  # noqa: PLR0913 - settings of a server, keyword-only except for two
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    certfile: str | None = None,
    keyfile: str | None = None,
    server: str = "auto",
    ready: Callable[[str], None] | None = None,
    quiet: bool = False,
) -> None:
    """Serve a subscriber until cancelled.

    Args:
        service: The subscriber.
        config: Its settings. Without a ``url``, the subscriber uses its address if that is on loopback.
        host: The address to listen on.
        port: The port to listen on, or 0 for a free one. The ``url`` of the config must lead there.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key, if it is not in the file of the certificate.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.
        ready: Called with the base URL once the subscriber accepts requests.
        quiet: Whether to print nothing. By default, stderr says where the subscriber listens and how to stop it.

    Raises:
        OSError: The subscriber cannot listen on the address.
        ValueError: The config has no URL and the address is not on loopback, or the server is not installed or does not
            support these settings.

    Example:
        ```python
        import anyio

        from websubsub import SubscriberConfig, SubscriberService, serve


        class Subscriber(SubscriberService):
            async def on_event_notification(self, message):
                print(message.topic, message.text())


        async def main():
            await serve(Subscriber(), SubscriberConfig(targets="https://example.com/feed"), port=8081)


        anyio.run(main)
        ```
    """
    binding = Binding(host=host, port=port, certfile=certfile, keyfile=keyfile, server=server)
    await _serve(service, config, binding, ready=ready, quiet=quiet)


async def serve_application(
    make: Callable[[str], SubscriberApplication],
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve an application until ``stop`` returns. Then unsubscribe, if its config says so.

    Args:
        make: Makes the application once the base URL is known.
        binding: The address to listen on.
        stop: Returns when the application should stop.
        ready: Called with the base URL once requests are accepted.
    """
    made: list[SubscriberApplication] = []

    def make_listening(base: str) -> SubscriberApplication:
        app = make(base)
        app.listening()
        made.append(app)
        return app

    async with AppListener(binding) as listener:
        listener.reserve("/", make_listening)
        with listener.until(stop, seconds=UNSUBSCRIBE_SECONDS + binding.graceful_seconds) as stopped:
            url = await listener.start()
            if ready is not None:
                ready(url)
            await stopped()
            # Hubs verify an unsubscription with a request, so the server must still be running.
            for app in made:
                if app.config.unsubscribe_on_shutdown:
                    await app.unsubscribe_all()


async def _serve(
    service: SubscriberService,
    config: SubscriberConfig | None,
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
    quiet: bool = False,
) -> None:
    check_kind("The service", service, SubscriberService)
    check_kind("The config", config, SubscriberConfig, optional=True)
    settings = config or SubscriberConfig()
    if settings.url is None:
        check_host(binding.host, "set SubscriberConfig(url=...)")
    else:
        warn_of_loopback(settings.url, binding.host)

    def make(base: str) -> SubscriberApplication:
        return asgi(service, settings.served_at(f"{base}/"))

    announce = told_ready("websubsub", lambda base: settings.served_at(f"{base}/").public_url, ready, quiet=quiet)
    await serve_application(make, binding, stop=stop, ready=announce)


def run(
    service: SubscriberService,
    config: SubscriberConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    backend: str = "asyncio",
    server: str = "auto",
    quiet: bool = False,
) -> None:
    """Serve a subscriber until SIGINT or SIGTERM.

    Args:
        service: The subscriber.
        config: Its settings. Without a ``url``, the subscriber uses its address if that is on loopback.
        host: The address to listen on.
        port: The port to listen on, or 0 for a free one. The ``url`` of the config must lead there.
        backend: ``asyncio`` or ``trio``.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.
        quiet: Whether to print nothing. By default, stderr says where the subscriber listens and how to stop it, and
            shows the subscriber's log, unless your program has set up logging.

    Raises:
        SystemExit: The subscriber cannot listen on the address. A sentence on stderr says why.
        OSError: The same, if ``quiet`` is set.
        ValueError: The config has no URL and the address is not on loopback, or the server is not installed or does not
            support these settings.

    Example:
        ```python
        from websubsub import SubscriberConfig, SubscriberService, run


        class Subscriber(SubscriberService):
            async def on_event_notification(self, message):
                print(message.topic, message.text())


        run(Subscriber(), SubscriberConfig(targets="https://example.com/feed"), port=8081)
        ```
    """

    async def main(stop: Callable[[], Awaitable[object]]) -> None:
        await _serve(service, config, Binding(host=host, port=port, server=server), stop=stop, quiet=quiet)

    with telling("websubsub", quiet=quiet):
        serving.run(main, backend=backend)
