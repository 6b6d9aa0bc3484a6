"""Spans from a publish over a fetch to each attempt at a delivery, and the trace on the wire."""

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from tests.standalone.hub import world
from tests.standalone.process import COMMAND, served
from tests.test_import_cost import loaded
from tests.waiting import PATIENCE
from websubhub import ContentDistributor, PublisherClient
from websubhub.standalone.tracing.announced import AnnouncedTraces
from websubhub.standalone.tracing.tracing import Tracing

TOPIC = "https://topic.example/"
CALLERS = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{CALLERS}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{CALLERS}-b7ad6b7169203331-00"


class Switched(Sampler):
    """A sampler whose rule can be set, since a process has one tracer provider."""

    rule: Sampler = ParentBased(ALWAYS_ON)

    def should_sample(self, *arguments: Any, **named: Any) -> SamplingResult:
        return self.rule.should_sample(*arguments, **named)

    def get_description(self) -> str:
        return "switched"


SPANS = InMemorySpanExporter()
PROVIDER = TracerProvider(sampler=Switched())
PROVIDER.add_span_processor(SimpleSpanProcessor(SPANS))


@pytest.fixture(autouse=True, scope="module")
def provider() -> None:
    trace.set_tracer_provider(PROVIDER)


@pytest.fixture(autouse=True)
def spans() -> InMemorySpanExporter:
    SPANS.clear()
    return SPANS


def named(name: str) -> list[ReadableSpan]:
    return [span for span in SPANS.get_finished_spans() if span.name == name]


def said(span: ReadableSpan) -> str:
    """How a request names a span."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent_of(span: ReadableSpan) -> str:
    assert span.parent is not None
    return f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    return said(span).split("-")[2]


async def test_each_attempt_is_a_span_in_the_trace_of_the_publisher(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'hub.db'}"
    async with world(tracing=True, store=store, retry_delays=(0.01, 0.01)) as hub, PublisherClient(hub.hub) as client:
        well, ill = hub.subscriber("/well"), hub.subscriber("/ill", secret="secret")
        await hub.subscribe(well, TOPIC, "/well")
        await hub.subscribe(ill, TOPIC, "/ill", secret="secret")
        ill.statuses = [500]
        headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
        answer = await client.publish_update(TOPIC, b"content", "text/plain", headers=headers)
        await hub.quiet()

    [publish] = named("publish")
    assert (said(publish).split("-")[1], parent_of(publish)) == (CALLERS, "b7ad6b7169203331")
    assert publish.kind is SpanKind.SERVER
    attributes = dict(publish.attributes or {})
    assert attributes["messaging.message.id"] == answer.message_id
    assert attributes["messaging.destination.name"] == TOPIC
    assert (attributes["messaging.message.body.size"], attributes["websub.recipients"]) == (7, 2)

    attempts = named("deliver")
    assert {parent_of(attempt) for attempt in attempts} == {id_of(publish)}
    assert sorted((a["http.request.resend_count"], a["http.response.status_code"]) for a in of(attempts)) == [
        (0, 202),
        (0, 500),
        (1, 202),
    ]
    [failed] = [attempt for attempt in attempts if attempt.status.status_code is StatusCode.ERROR]
    assert of([failed])[0]["error.type"] == "500"
    # Each request names its own span, so that what the subscriber does is below the attempt that made it do so.
    received = [*well.deliveries, *ill.deliveries]
    assert sorted(each.headers["traceparent"] for each in received) == sorted(map(said, attempts))
    assert {each.headers["tracestate"] for each in received} == {"vendor=1"}
    assert all(each.signature for each in ill.deliveries)


def of(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in spans]


@pytest.mark.threat("SEC-3")
async def test_no_span_says_more_of_a_callback_than_its_host() -> None:
    async with world(tracing=True) as hub:
        subscriber = hub.subscriber("/a-capability")
        await hub.subscribe(subscriber, TOPIC, "/a-capability", secret="a-secret")
        await hub.publish(TOPIC)
        await hub.quiet()
    [attempt] = of(named("deliver"))
    assert attempt["server.address"] == hub.peers.removeprefix("http://")
    whole = "".join(span.to_json() for span in SPANS.get_finished_spans())
    assert "a-capability" not in whole
    assert "a-secret" not in whole


async def test_a_fetch_belongs_to_its_announcement_and_the_deliveries_to_the_fetch() -> None:
    async with world(tracing=True, retry_delays=(0.01,)) as hub, PublisherClient(hub.hub) as publisher:
        site, topic = hub.site(), hub.peers + "/topic"
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, topic)
        site.status = 500
        with trace.get_tracer("tests").start_as_current_span("of the publisher") as own:
            await publisher.notify_update(topic)
        await hub.client.get(hub.peers)  # lets the fetch begin
        await subscriber_gets(hub, site)
    [announce], [deliver] = named("announce"), named("deliver")
    fetches = named("fetch")
    assert parent_of(announce) == f"{own.get_span_context().span_id:016x}"
    assert {parent_of(fetch) for fetch in fetches} == {id_of(announce)}
    [*failed, found] = fetches
    assert failed
    assert all(fetch.status.status_code is StatusCode.ERROR for fetch in failed)
    assert {each["http.response.status_code"] for each in of(failed)} == {500}
    assert of([found])[0]["websub.found"] == "updated"
    assert parent_of(deliver) == id_of(found)
    assert [request.headers["traceparent"] for request in site.requests] == [said(fetch) for fetch in fetches]


async def subscriber_gets(hub: Any, site: Any) -> None:
    while not site.fetches:
        await hub.client.get(hub.peers)
    site.status = 200
    while not hub_delivered():
        await hub.client.get(hub.peers)


def hub_delivered() -> bool:
    return bool(named("deliver"))


async def test_what_is_not_sampled_makes_no_span_and_says_so_to_subscribers() -> None:
    async with world(tracing=True) as hub, PublisherClient(hub.hub) as publisher:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await publisher.publish_update(TOPIC, b"content", "text/plain", headers={"traceparent": UNSAMPLED})
        await hub.quiet()
        assert not SPANS.get_finished_spans()
        [delivery] = subscriber.deliveries
        version, trace_id, _, flags = delivery.headers["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", CALLERS, "00")


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "junk")],
        [("traceparent", PARENT), ("traceparent", PARENT)],
        [("traceparent", PARENT + "-" + "x" * 200)],
        [("traceparent", "00-" + "0" * 32 + "-b7ad6b7169203331-01")],
    ],
)
async def test_a_trace_that_cannot_be_read_is_replaced_by_one_of_the_hub(headers: list[tuple[str, str]]) -> None:
    async with world(tracing=True) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        url = f"{hub.hub}?hub.mode=publish&hub.topic={TOPIC}"
        answer = await hub.client.post(url, content=b"content", headers=[("Content-Type", "text/plain"), *headers])
        assert answer.status_code == 200
        await hub.quiet()
    [publish] = named("publish")
    assert publish.parent is None
    assert subscriber.deliveries[0].headers["traceparent"].split("-")[1] == said(publish).split("-")[1]


async def test_a_tracestate_beyond_the_bound_is_left_out_as_a_whole() -> None:
    async with world(tracing=True) as hub, PublisherClient(hub.hub) as publisher:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        headers = {"traceparent": PARENT, "tracestate": f"vendor={'x' * 600}"}
        await publisher.publish_update(TOPIC, b"content", "text/plain", headers=headers)
        await hub.quiet()
        [delivery] = subscriber.deliveries
        assert delivery.headers["traceparent"].split("-")[1] == CALLERS
        assert "tracestate" not in delivery.headers


async def test_the_trace_of_an_update_outlives_the_process(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'hub.db'}"
    async with world(tracing=True, store=store) as hub, PublisherClient(hub.hub) as publisher:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await hub.order("/admin/hosts/pause", host=hub.peers.removeprefix("http://"))
        await publisher.publish_update(TOPIC, b"content", "text/plain", headers={"traceparent": PARENT})
        port = hub.peers.rpartition(":")[2]
    [publish] = named("publish")
    async with world(tracing=True, store=store) as hub:
        # Nobody listens there any more, but the attempt is made.
        await hub.order("/admin/hosts/resume", host=f"127.0.0.1:{port}")
        while not named("deliver"):
            await hub.client.get(hub.peers)
    assert parent_of(named("deliver")[0]) == id_of(publish)


async def test_a_hub_that_is_not_traced_has_nothing_of_it() -> None:
    async with world() as hub, PublisherClient(hub.hub) as publisher:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await publisher.publish_update(TOPIC, b"content", "text/plain", headers={"traceparent": PARENT})
        await hub.quiet()
        assert not SPANS.get_finished_spans()
        assert "traceparent" not in subscriber.deliveries[0].headers
    untraced = Tracing()
    async with ContentDistributor("http://127.0.0.1/hub") as distributor:
        assert untraced.distributor(distributor) is distributor
    assert untraced.trace() == ""
    modules = loaded("import websubhub.standalone.runtime, websubhub.standalone.adapters.sqlite.store")
    assert not {name for name in modules if name.startswith("opentelemetry")}


def test_traces_of_announcements_are_bounded() -> None:
    traces = AnnouncedTraces()
    for number in range(10_001):
        traces.note(f"{TOPIC}{number}", str(number))
    assert (traces.get(f"{TOPIC}0"), traces.get(f"{TOPIC}1"), traces.get(f"{TOPIC}10000")) == ("", "1", "10000")
    traces.forget(f"{TOPIC}1", "another one")
    assert traces.get(f"{TOPIC}1") == "1"
    traces.forget(f"{TOPIC}1", "1")
    assert traces.get(f"{TOPIC}1") == ""


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector that takes spans over OTLP."""
    taken: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def test_serve_sends_its_spans_to_a_collector_by_its_end(tmp_path: Path) -> None:
    with collector() as (endpoint, taken):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=x"}
        with served(tmp_path, "--tracing", "--store", "memory:", environment=environment) as hub:
            url = f"{hub.url}?hub.mode=publish&hub.topic={TOPIC}"
            headers = {"Content-Type": "text/plain", "traceparent": PARENT}
            assert httpx.post(url, content=b"content", headers=headers).status_code == 200
            hub.stop()
            assert hub.process.returncode == 0, hub.log
    resources = [resource for request in taken for resource in request.resource_spans]
    [span] = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert (span.name, span.trace_id.hex()) == ("publish", CALLERS)
    said_of = {pair.key: pair.value.string_value for pair in resources[0].resource.attributes}
    assert said_of["service.name"] == "websubhub"
    assert said_of["deployment.environment"] == "x"


def test_without_the_extra_the_setting_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['opentelemetry.sdk'] = None; from websubhub.standalone.command.cli import main; "
    end = subprocess.run(
        [COMMAND[0], "-c", f"{program}sys.exit(main(['serve', '--tracing', '--port', '0', '--store', 'memory:']))"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=tmp_path,
    )
    assert end.returncode == 2, end.stderr
    assert "pip install 'websubhub[tracing]'" in end.stderr
    assert "Traceback" not in end.stderr
