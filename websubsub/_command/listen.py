"""The command ``listen``, which subscribes, and shows deliveries until it is stopped."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import attrs

from _websub.asgi.public_urls import loopback_warning
from _websub.grammar.addresses import check_public_url
from _websub.grammar.signature import check_secret
from _websub.grammar.urls import check_url
from _websub.grammar.vocabulary import SignatureMethod
from _websub.server import serving
from _websub.server.serving import Binding
from websubsub._application import SubscriberApplication, asgi
from websubsub._command.output import JsonLines, TextLines
from websubsub._command.sinks import Execute, Forward, Save, Sink, describe
from websubsub._config import LEASE_LIMIT, CallbackPolicy, SubscriberConfig, Target
from websubsub._discovery.discovery import DiscoveryError, DiscoveryOptions, NoHubError, NoTopicError
from websubsub._errors import AnsweredError, DeniedError, InsecureSecretError, SubscriptionInitiationError
from websubsub._events import EventKind, SubscriberEvent
from websubsub._lifecycle.schedule import is_passing
from websubsub._messages import ContentDistributionMessage
from websubsub._service import SubscriberService
from websubsub._serving import serve_application
from websubsub._state.kinds import open_state

_WILDCARDS = frozenset({"0.0.0.0", "::", "[::]", ""})  # noqa: S104 - refused as a public URL, not listened on
_FAILURE = 1
_ADVICE = " Use --no-secret to subscribe without one, or --secret S to send one anyway."


class _Receiver(SubscriberService):
    """Shows every delivery and passes it on."""

    def __init__(self, output: JsonLines | TextLines, sinks: list[Sink]) -> None:
        self._output = output
        self._sinks = sinks

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        """Show a delivery and pass it on. If that fails, the hub delivers it again."""
        self._output.notification(message)
        for sink in self._sinks:
            try:
                await sink(message)
            except Exception as error:
                print(f"websubsub: {describe(error)}", file=sys.stderr)
                if isinstance(error, AnsweredError):
                    raise
                raise AnsweredError("The delivery could not be passed on.", status=500) from error


@attrs.define
class _Watch:
    """Shows events, and ends the program if the first request can never succeed."""

    output: JsonLines | TextLines
    app: SubscriberApplication | None = None
    failure: str | None = None
    ended: anyio.Event = attrs.field(factory=anyio.Event)

    def __call__(self, event: SubscriberEvent) -> None:
        """Show an event."""
        self.output.event(event)
        if event.kind is EventKind.FAILED and not self._was_subscribed() and _is_final(event):
            self.failure = event.reason + (_ADVICE if isinstance(event.error, InsecureSecretError) else "")
            self.ended.set()

    def _was_subscribed(self) -> bool:
        known = self.app.subscriptions.all() if self.app else []
        return any(each.verified_at is not None and not each.is_over for each in known)


def _is_final(event: SubscriberEvent) -> bool:
    """Return whether a failure is final, so that another attempt would not help."""
    error = event.error
    if isinstance(error, DeniedError):
        return event.next_try is None
    if isinstance(error, NoHubError | NoTopicError | InsecureSecretError):
        return True
    if isinstance(error, DiscoveryError | SubscriptionInitiationError):
        return error.status // 100 == 4 and not is_passing(error.status)  # noqa: PLR2004 - 4xx
    return False


def listen(arguments: argparse.Namespace) -> int:
    """Listen until a signal arrives, and return the exit status."""
    readable = not arguments.json and sys.stdout.isatty()
    watch = _Watch(TextLines() if readable else JsonLines())
    config, binding = _configure(arguments, watch)
    service = _Receiver(watch.output, _sinks(arguments))

    def make(base: str) -> SubscriberApplication:
        app = asgi(
            service,
            config.served_at(f"{base}/"),
            discovery=DiscoveryOptions(json_feed=arguments.json_feed),
            insecure_secrets=arguments.secret is not None,
        )
        watch.app = app
        return app

    async def listening(stop: Callable[[], Awaitable[object]]) -> None:
        store = open_state(config.state)
        async with store:
            await store.load()  # reports a file that cannot be used before anything else happens
        await serve_application(make, binding, stop=lambda: _first(stop, watch.ended.wait))

    try:
        serving.run(listening)
    except OSError as error:
        where = binding.host if binding.port == 0 else f"{binding.host}:{binding.port}"
        raise ValueError(f"Cannot listen on {where}: {error.strerror or error}.") from error
    if watch.failure is not None:
        print(f"websubsub: {watch.failure}", file=sys.stderr)
        return _FAILURE
    return 0


def _sinks(arguments: argparse.Namespace) -> list[Sink]:
    sinks: list[Sink] = []
    if arguments.save is not None:
        if not arguments.save:
            raise ValueError("--save needs a folder.")
        try:
            sinks.append(Save(Path(arguments.save)))
        except OSError as error:
            raise ValueError(f"--save {arguments.save} cannot be used: {error.strerror}.") from error
    if arguments.exec is not None:
        sinks.append(Execute(arguments.exec))
    if arguments.forward_to is not None:
        sinks.append(Forward(check_url(arguments.forward_to, "--forward-to")))
    return sinks


def _target(arguments: argparse.Namespace) -> Target:
    if arguments.url is None and (arguments.hub is None or arguments.topic is None):
        raise ValueError("Give the URL of a page or feed, or both --hub and --topic.")
    for url, name in ((arguments.url, "The URL"), (arguments.hub, "--hub"), (arguments.topic, "--topic")):
        if url is not None:
            check_url(url, name)
    if arguments.secret is not None:
        check_secret(arguments.secret)
    return Target(
        resource=arguments.url,
        hub=arguments.hub,
        topic=arguments.topic,
        secret=arguments.secret,
        signed=not arguments.no_secret,
        discovery_headers=arguments.header,
    )


def _configure(arguments: argparse.Namespace, watch: _Watch) -> tuple[SubscriberConfig, Binding]:
    if arguments.lease_seconds is not None and not 0 < arguments.lease_seconds < LEASE_LIMIT:
        raise ValueError("--lease-seconds must be a positive number of seconds, with at most twelve digits.")
    if not 0 <= arguments.port <= 65_535:  # noqa: PLR2004 - the range of ports
        raise ValueError("--port must be a number from 0 to 65535.")
    if arguments.public_url is None and arguments.host in _WILDCARDS:
        raise ValueError(f"--host {arguments.host} is not an address that a hub can call; set --public-url too.")
    if arguments.public_url is not None:
        if "?" in check_public_url(arguments.public_url, "--public-url"):
            raise ValueError("--public-url must not have a query.")
        warning = loopback_warning(arguments.public_url, arguments.host)
        if warning is not None:
            print(f"websubsub: {warning}", file=sys.stderr)
    open_state(arguments.state)
    config = SubscriberConfig(
        url=arguments.public_url,
        targets=_target(arguments),
        lease_seconds=arguments.lease_seconds,
        state=arguments.state,
        unsubscribe_on_shutdown=not arguments.keep,
        # A user who watches a feed wants to see it, and many hubs support only sha1.
        policy=CallbackPolicy(signature_methods=frozenset(SignatureMethod)),
        observer=watch,
    )
    return config, Binding(host=arguments.host, port=arguments.port)


async def _first(*waits: Callable[[], Awaitable[object]]) -> None:
    """Wait until the first of these returns."""
    async with anyio.create_task_group() as tasks:

        async def wait_for(wait: Callable[[], Awaitable[object]]) -> None:
            await wait()
            tasks.cancel_scope.cancel()

        for wait in waits:
            tasks.start_soon(wait_for, wait)
