"""A hub with its own server, which runs until it is stopped."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType

import anyio

from websubhub import AppListener, Binding
from websubhub.standalone.operating import Start
from websubhub.standalone.reach import Reach
from websubhub.standalone.running import GRACE_SECONDS, closed, running
from websubhub.standalone.settings import Settings, SettingsError

log: logging.Logger = logging.getLogger("websubhub")


async def run_hub(
    settings: Settings,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
    sources: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run a hub until ``stop`` returns. It finishes accepted requests and work in progress within a time limit.

    The hub listens at once, and answers 503 until its store is loaded. It can be stopped before that too.

    Args:
        settings: Its settings.
        stop: Returns when the hub should stop.
        ready: Called with the hub's public URL once it accepts requests.
        sources: The source of each setting that is not a default, by name.

    Raises:
        SettingsError: The settings cannot be used. For example, the hub cannot listen on the address.
        StoreError: The store cannot be opened.
    """
    settings.url_at("")  # reports a missing public URL before anything is opened
    binding = _binding(settings)
    async with AppListener(binding, closed=closed()) as listener:
        with listener.until(stop) as stopped:
            base = await _listen(listener, binding)
            log.debug("Listening on %s. Starting.", base)
            url = settings.url_at(base)
            start = Start(sources=sources, connections=lambda: sum(server.connections for server in listener.servers))
            reach = Reach(url, settings.host if settings.unix_socket is None else None)
            async with running(settings, url, reach, start) as hub:
                listener.attach("/", hub.app, nullcontext())
                await listener.start()
                try:
                    if ready is not None:
                        ready(url)
                    await stopped()
                finally:
                    listener.close()
                hub.stop()
                await listener.graceful_stop()
                await hub.delivered()


def _binding(settings: Settings) -> Binding:
    _check_certificate(settings)
    try:
        return Binding(
            host=settings.host,
            port=settings.port,
            unix_socket=settings.unix_socket,
            certfile=settings.certfile,
            keyfile=settings.keyfile,
            graceful_seconds=GRACE_SECONDS,
            server=settings.server,
        )
    except ValueError as error:
        raise SettingsError(f"--server cannot be used: {str(error).rstrip('.')}.") from None


def _check_certificate(settings: Settings) -> None:
    if settings.certfile is None:
        if settings.keyfile is not None:
            raise SettingsError("--keyfile needs --certfile too.")
        return
    for name, file in (("--certfile", settings.certfile), ("--keyfile", settings.keyfile or settings.certfile)):
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise SettingsError(f"{name} {file} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    try:
        # An empty password, since nobody would see a prompt.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certfile, settings.keyfile, "")
    except (OSError, ValueError):
        raise SettingsError(
            f"--certfile {settings.certfile} cannot be used: it needs a certificate and its private key in PEM format."
        ) from None


async def _listen(listener: AppListener, binding: Binding) -> str:
    try:
        return await listener.listen()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = binding.unix_socket or f"{binding.host} port {binding.port}"
        raise SettingsError(f"Cannot listen on {where}: {reason}.") from None
