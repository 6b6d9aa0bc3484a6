"""The command line: look at what a page offers, and listen to a feed."""

import argparse
import base64
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence

import anyio
import attrs

from _websub import serving
from _websub.public_urls import loopback_warning
from _websub.serving import Binding
from _websub.signature import check_secret
from _websub.urls import check_url
from _websub.vocabulary import SignatureMethod
from websubsub._application import SubscriberApplication, asgi, open_state
from websubsub._config import CallbackPolicy, SubscriberConfig, Target
from websubsub._discovery import Discovery, DiscoveryError, NoHubError, NoTopicError
from websubsub._discovery_client import DiscoveryClient
from websubsub._errors import InsecureSecretError, SubscriptionInitiationError
from websubsub._events import EventKind, SubscriberEvent
from websubsub._messages import ContentDistributionMessage
from websubsub._service import SubscriberService
from websubsub._serving import serve_application

_WILDCARDS = frozenset({"0.0.0.0", "::", "[::]", ""})  # noqa: S104 - refused as a public URL, not listened on
_USER_MISTAKE = 2
_FAILURE = 1
_ADVICE = " Say --no-secret to go without, or --secret S to send that one all the same."


class _MistakeError(Exception):
    """Something the user can mend; the text is one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; those of the process by default.

    Returns:
        The exit status: 0 if all went well, 1 if a page or a hub failed, 2 for a mistake of the user.
    """
    arguments = _parser().parse_args(argv)
    # What would be a warning is printed as an event.
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        status: int = arguments.command(arguments)
    except (_MistakeError, ValueError) as error:
        print(f"websubsub: {error}", file=sys.stderr)
        return _USER_MISTAKE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="websubsub", description="Discover WebSub topics and listen to them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    discover = commands.add_parser("discover", help="show the topic and the hubs of a page or feed")
    discover.add_argument("url", metavar="URL", help="the page or feed")
    discover.add_argument("--json", action="store_true", help="print one JSON object")
    discover.set_defaults(command=_discover)
    listen = commands.add_parser("listen", help="subscribe to a page or feed and print what its hub delivers")
    listen.add_argument("url", metavar="RESOURCE_URL", help="the page or feed")
    listen.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    listen.add_argument("--port", type=int, default=8081, help="the port, 0 for a free one (default: %(default)s)")
    listen.add_argument("--public-url", metavar="URL", help="where the hub reaches us (default: http://HOST:PORT/)")
    listen.add_argument("--lease-seconds", type=int, metavar="N", help="the lease to ask for (default: the hub's)")
    secret = listen.add_mutually_exclusive_group()
    secret.add_argument("--secret", metavar="S", help="the key for signatures, sent even over http (default: random)")
    secret.add_argument("--no-secret", action="store_true", help="ask for deliveries without signatures")
    listen.add_argument(
        "--state", default="memory:", metavar="STATE", help="memory: or sqlite:///FILE (default: %(default)s)"
    )
    listen.add_argument("--keep", action="store_true", help="stay subscribed at the end")
    listen.set_defaults(command=_listen)
    return parser


# --- discover


def _discover(arguments: argparse.Namespace) -> int:
    check_url(arguments.url, "The URL")
    try:
        discovery = anyio.run(_discover_once, arguments.url)
    except DiscoveryError as error:
        print(f"websubsub: {error}", file=sys.stderr)
        return _FAILURE
    if arguments.json:
        print(json.dumps({"topic": discovery.topic, "hubs": list(discovery.hubs), "source": discovery.source}))
    else:
        rows = [("topic", discovery.topic), *(("hub", hub) for hub in discovery.hubs), ("source", discovery.source)]
        print("\n".join(f"{name:<6} {value}" for name, value in rows))
    return 0


async def _discover_once(url: str) -> Discovery:
    async with DiscoveryClient() as client:
        return await client.discover(url)


# --- listen


class _Printer(SubscriberService):
    """Prints every delivery as one JSON object."""

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        """Print a delivery."""
        _print_event(
            event="notification",
            topic=message.topic,
            hub=message.hub,
            content_type=message.content_type,
            body_base64=base64.b64encode(message.body).decode(),
        )


def _print_event(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


@attrs.define
class _Watch:
    """Prints what happens, and ends the program when the first request can never succeed."""

    app: SubscriberApplication | None = None
    failure: str | None = None
    ended: anyio.Event = attrs.field(factory=anyio.Event)

    def __call__(self, event: SubscriberEvent) -> None:
        """Print an event."""
        extras = {"reason": event.reason or None, "lease_seconds": event.lease_seconds}
        shown = {name: value for name, value in extras.items() if value is not None}
        _print_event(event=event.kind.value, topic=event.topic, hub=event.hub, **shown)
        if event.kind is EventKind.FAILED and not self._was_subscribed() and _is_final(event.error):
            self.failure = event.reason + (_ADVICE if isinstance(event.error, InsecureSecretError) else "")
            self.ended.set()

    def _was_subscribed(self) -> bool:
        known = self.app.subscriptions.all() if self.app else []
        return any(each.verified_at is not None and not each.is_over for each in known)


def _is_final(error: Exception | None) -> bool:
    """Whether trying again will not help."""
    if isinstance(error, NoHubError | NoTopicError | InsecureSecretError):
        return True
    if isinstance(error, DiscoveryError | SubscriptionInitiationError):
        return error.status // 100 == 4 and error.status not in {408, 425, 429}  # noqa: PLR2004 - 4xx
    return False


def _listen(arguments: argparse.Namespace) -> int:
    watch = _Watch()
    config, binding = _configure(arguments, watch)

    def make(base: str) -> SubscriberApplication:
        app = asgi(_Printer(), config.served_at(f"{base}/"), insecure_secrets=arguments.secret is not None)
        watch.app = app
        return app

    async def listening(stop: Callable[[], Awaitable[object]]) -> None:
        async with open_state(config.state):
            pass  # a file that cannot be used is a mistake of the user, to be told before anything else
        await serve_application(make, binding, stop=lambda: _first(stop, watch.ended.wait))

    try:
        serving.run(listening)
    except OSError as error:
        where = binding.host if binding.port == 0 else f"{binding.host}:{binding.port}"
        raise _MistakeError(f"Cannot listen on {where}: {error.strerror or error}.") from error
    if watch.failure is not None:
        print(f"websubsub: {watch.failure}", file=sys.stderr)
        return _FAILURE
    return 0


def _configure(arguments: argparse.Namespace, watch: _Watch) -> tuple[SubscriberConfig, Binding]:
    if arguments.lease_seconds is not None and arguments.lease_seconds < 1:
        raise _MistakeError("--lease-seconds must be a positive number of seconds.")
    if not 0 <= arguments.port <= 65_535:  # noqa: PLR2004 - the ports there are
        raise _MistakeError("--port must be a number from 0 to 65535.")
    if arguments.public_url is None and arguments.host in _WILDCARDS:
        raise _MistakeError(f"--host {arguments.host} is no address that a hub can call; say --public-url too.")
    if arguments.public_url is not None:
        warning = loopback_warning(check_url(arguments.public_url, "--public-url"), arguments.host)
        if warning is not None:
            print(f"websubsub: {warning}", file=sys.stderr)
    if arguments.secret is not None:
        check_secret(arguments.secret)
    check_url(arguments.url, "The URL")
    open_state(arguments.state)
    config = SubscriberConfig(
        url=arguments.public_url,
        targets=Target(resource=arguments.url, secret=arguments.secret, signed=not arguments.no_secret),
        lease_seconds=arguments.lease_seconds,
        state=arguments.state,
        unsubscribe_on_shutdown=not arguments.keep,
        # Whoever looks at a feed wants to see it; many hubs know no better method than sha1.
        policy=CallbackPolicy(signature_methods=frozenset(SignatureMethod)),
        observer=watch,
    )
    return config, Binding(host=arguments.host, port=arguments.port)


async def _first(*waits: Callable[[], Awaitable[object]]) -> None:
    """Wait for whichever comes first."""
    async with anyio.create_task_group() as tasks:

        async def wait_for(wait: Callable[[], Awaitable[object]]) -> None:
            await wait()
            tasks.cancel_scope.cancel()

        for wait in waits:
            tasks.start_soon(wait_for, wait)


if __name__ == "__main__":
    sys.exit(main())
