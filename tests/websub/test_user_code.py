"""What the code of a user raises stays with it, on each border to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

import websubhub
import websubsub
from _websub.asgi.edge import AsgiApp, AsgiEdge, AsgiSend, Receive, Scope
from _websub.http import Answer, Request, plain
from _websub.server.serving import Binding, serve
from _websub.user_code import contained
from tests.waiting import PATIENCE
from tests.websub.conversation import Conversation, body_of, converse, scope_of
from tests.websub.peers import exchange, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"


class OwnBaseError(BaseException):
    """One of a user's own that is no Exception."""


ERRORS = [
    SystemExit(3),
    GeneratorExit(),
    OwnBaseError(),
    asyncio.CancelledError(),
    ExceptionGroup("some", [ValueError()]),
    BaseExceptionGroup("some", [SystemExit(3), ValueError()]),
]


def name_of(error: BaseException) -> str:
    return type(error).__name__


@pytest.fixture(params=ERRORS, ids=name_of)
def error(request: pytest.FixtureRequest) -> BaseException:
    return request.param  # type: ignore[no-any-return]


async def test_errors_of_users_are_their_own_affair(error: BaseException) -> None:
    assert contained(error)


def test_a_coroutine_that_is_thrown_away_ends() -> None:
    assert not contained(GeneratorExit())


@pytest.mark.parametrize("make", [KeyboardInterrupt, lambda: BaseExceptionGroup("some", [KeyboardInterrupt()])])
async def test_ctrl_c_is_not(make: Callable[[], BaseException]) -> None:
    assert not contained(make())


async def test_a_cancellation_that_was_asked_for_is_not() -> None:
    seen: list[bool] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep_forever()
        except BaseException as caught:
            seen.append(contained(caught))
            seen.append(contained(BaseExceptionGroup("both", [caught, ValueError()])))
            raise
    assert seen == [False, False]


async def test_a_handler_that_raises_anything_is_answered_500(error: BaseException) -> None:
    async def handle(_: Request) -> Answer:
        raise error

    assert (await converse(AsgiEdge(handle), scope_of(), body_of(b""))).status == 500


async def test_a_follow_up_that_raises_anything_takes_nothing_with_it(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow_up() -> None:
        raise error

    async def handle(_: Request) -> Answer:
        return Answer(plain(202, "Accepted."), follow_up)

    async with AsgiEdge(handle) as edge:
        assert (await converse(edge)).status == 202
        with anyio.fail_after(PATIENCE):
            while edge.load.pending:  # noqa: ASYNC110 - it tells nobody
                await anyio.sleep(0.01)
        assert (await converse(edge)).status == 202
    assert set(caplog.messages) == {"A follow-up failed."}


async def test_resources_that_raise_anything_are_a_start_that_failed(error: BaseException) -> None:
    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        raise error
        yield

    async def handle(_: Request) -> Answer:
        return Answer(plain(200, "ok"))

    edge = AsgiEdge(handle, resources=resources)
    conversation = Conversation({"type": "lifespan"}, [{"type": "lifespan.startup"}])
    await edge(conversation.scope, conversation.receive, conversation.send)
    assert conversation.sent[0]["type"] == "lifespan.startup.failed"


async def test_an_application_that_raises_anything_costs_its_request_only(error: BaseException) -> None:
    async def app(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            raise error
        await AsgiEdge(_ok)(scope, receive, send)

    async with served(app) as url:
        assert status_of(await exchange(url, GET)) == 500
        assert status_of(await exchange(url, GET.replace(b"/ ", b"/other "))) == 200


async def _ok(_: Request) -> Answer:
    return Answer(plain(200, "ok"))


async def test_an_application_without_a_lifespan_is_served_without(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] == "lifespan":
            raise error
        await AsgiEdge(_ok)(scope, receive, send)

    async with served(app) as url:
        assert status_of(await exchange(url, GET)) == 200
    assert caplog.messages == [f"The application has no lifespan ({name_of(error)}), so it is served without."]


async def test_a_callback_that_tries_to_exit_ends_the_server_in_order() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        yield
        events.append("closed")

    def ready(_: str) -> None:
        raise SystemExit(3)

    with anyio.fail_after(PATIENCE), pytest.raises(RuntimeError, match="tried to exit") as caught:
        await serve(AsgiEdge(_ok, resources=resources), Binding(port=0), ready=ready)
    assert isinstance(caught.value.__cause__, SystemExit)
    assert events == ["closed"]


# --- hooks of services ------------------------------------------------------------------------------------------------


# ruff: noqa: ARG002 - a hook that raises needs no message


class _Hub(websubhub.HubService):
    """Raises in whatever it is asked."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def on_register_topic(self, message: websubhub.TopicRegistration) -> websubhub.TopicRegistrationSuccess:
        raise self.error

    async def on_deregister_topic(self, message: websubhub.TopicDeregistration) -> websubhub.TopicDeregistrationSuccess:
        raise self.error

    async def on_update_message(self, message: websubhub.UpdateMessage) -> websubhub.Acknowledgement:
        raise self.error

    async def on_subscription(self, message: websubhub.Subscription) -> websubhub.SubscriptionAccepted:
        raise self.error

    async def on_subscription_intent_verified(self, message: websubhub.VerifiedSubscription) -> None:
        raise self.error

    async def on_unsubscription_intent_verified(self, message: websubhub.VerifiedUnsubscription) -> None:
        raise self.error


FORMS = {
    "register": b"hub.mode=register&hub.topic=https%3A%2F%2Fa.example%2F",
    "publish": b"hub.mode=publish&hub.topic=https%3A%2F%2Fa.example%2F",
    "subscribe": b"hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2F&hub.callback=https%3A%2F%2Fb.example%2F",
}


def asking(form: bytes) -> bytes:
    head = b"POST /hub HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(form) + form


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_hook_that_exits_does_not_end_the_hub(form: bytes, error: BaseException) -> None:
    hub = websubhub.asgi(_Hub(error), websubhub.HubConfig(url="http://localhost/hub"))
    async with served(hub) as url:
        first = await exchange(url, asking(form))
        assert status_of(first) in {200, 500}
        assert b"hub.mode=accepted" not in first
        assert status_of(await exchange(url, asking(form))) == status_of(first)


class _Subscriber(websubsub.SubscriberService):
    async def on_event_notification(self, message: websubsub.ContentDistributionMessage) -> None:
        """Take everything."""


async def test_an_observer_that_exits_does_not_end_the_subscriber(error: BaseException) -> None:
    seen = anyio.Event()

    def observer(_: websubsub.SubscriberEvent) -> None:
        seen.set()
        raise error

    target = websubsub.Target(hub="http://127.0.0.1:1/hub", topic="https://a.example/")
    config = websubsub.SubscriberConfig(url="http://127.0.0.1/", targets=target, observer=observer)
    app: AsgiApp = websubsub.asgi(_Subscriber(), config)
    async with served(app) as url:
        with anyio.fail_after(PATIENCE):
            await seen.wait()
        assert status_of(await exchange(url, GET)) == 404
