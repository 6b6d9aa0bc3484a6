"""The trace of a publisher goes through a hub to its subscribers, wherever a program uses OpenTelemetry."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from _websub.asgi.edge import AsgiEdge
from _websub.headers import Headers
from _websub.http import Answer, Request, Response
from _websub.tracing import continued_trace, with_trace
from tests.conformance.hubs import HUB, TOPIC, Hub, a_subscription
from tests.test_import_cost import loaded
from websubhub import (
    Acknowledgement,
    ContentDistributionMessage,
    HubClient,
    HubConfig,
    PublisherClient,
    TopicClient,
    UpdateMessage,
    asgi,
)
from websubhub.testing import InMemoryWeb, RecordingSubscriber

CONTEXT = SpanContext(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    span_id=0xB7AD6B7169203331,
    is_remote=False,
    trace_flags=TraceFlags(1),
    trace_state=TraceState([("vendor", "1")]),
)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-00"


@contextmanager
def current() -> Iterator[None]:
    """A span is current during the block."""
    token = attach(set_span_in_context(NonRecordingSpan(CONTEXT)))
    try:
        yield
    finally:
        detach(token)


class DeliveringHub(Hub):
    """A hub that delivers while it is being published to."""

    def __init__(self, web: InMemoryWeb) -> None:
        super().__init__()
        self.web = web

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        async with HubClient(a_subscription(callback="https://sub.example/"), client=self.web.client()) as client:
            await client.notify_content_distribution(ContentDistributionMessage(content=message.body))
        return Acknowledgement()


async def delivered(headers: dict[str, str]) -> Headers:
    """The headers of what a subscriber gets when a publisher publishes with these headers."""
    web, subscriber = InMemoryWeb(), RecordingSubscriber()
    web["sub.example"] = subscriber
    web["hub.example"] = asgi(DeliveringHub(web), HubConfig(url=HUB), client=web.client())
    async with PublisherClient(HUB, client=web.client()) as publisher:
        await publisher.publish_update(TOPIC, b"content", "text/plain", headers=headers)
    [delivery] = subscriber.deliveries
    return delivery.headers


async def test_the_current_span_of_a_publisher_reaches_the_subscriber() -> None:
    with current():
        headers = await delivered({})
    assert (headers["traceparent"], headers["tracestate"]) == (PARENT, "vendor=1")


async def test_a_hook_runs_in_the_trace_of_its_request() -> None:
    headers = await delivered({"traceparent": OTHER, "tracestate": "other=2"})
    assert (headers["traceparent"], headers["tracestate"]) == (OTHER, "other=2")
    assert not trace.get_current_span().get_span_context().is_valid


async def test_without_a_span_nothing_is_named() -> None:
    headers = await delivered({})
    assert "traceparent" not in headers
    assert "tracestate" not in headers


def test_headers_that_name_a_span_are_kept() -> None:
    with current():
        assert with_trace(Headers({"TraceParent": OTHER})).get_all("traceparent") == (OTHER,)
        ours = with_trace(Headers({"tracestate": "stale=1", "x": "y"}))
    assert dict(ours) == {"x": "y", "traceparent": PARENT, "tracestate": "vendor=1"}


async def test_the_fetch_of_a_topic_names_the_current_span() -> None:
    web, named = InMemoryWeb(), list[str]()

    async def answer(request: Request) -> Answer:
        named.append(request.headers.get("traceparent", ""))
        return Answer(Response(status=200, headers={"Content-Type": "text/plain"}, body=b"content"))

    web["publisher.example"] = AsgiEdge(answer)
    async with TopicClient(HUB, client=web.client()) as client:
        with current():
            await client.fetch(TOPIC)
        await client.fetch(TOPIC)
    assert named == [PARENT, ""]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", "junk")],
        [("traceparent", OTHER), ("traceparent", OTHER)],
        [("traceparent", OTHER + " " * 200)],
        [("tracestate", "vendor=1")],
    ],
)
def test_a_trace_that_cannot_be_read_is_none(headers: list[tuple[str, str]]) -> None:
    with continued_trace(Headers(headers)):
        assert not trace.get_current_span().get_span_context().is_valid


def test_the_span_of_other_middleware_stays_current() -> None:
    with current(), continued_trace(Headers({"traceparent": OTHER})):
        assert trace.get_current_span().get_span_context() == CONTEXT


def test_a_program_without_opentelemetry_does_not_load_it() -> None:
    program = (
        "from _websub.tracing import continued_trace, trace_headers, with_trace\n"
        "from _websub.headers import Headers\n"
        f"said = Headers({{'traceparent': '{OTHER}'}})\n"
        "with continued_trace(said): assert trace_headers() == [] and with_trace(said) is said"
    )
    assert not {name for name in loaded(program) if name.startswith("opentelemetry")}
