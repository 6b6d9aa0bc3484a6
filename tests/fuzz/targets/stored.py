"""What a hub and a subscriber keep of strangers, and what an operator asks for: through the database and back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TypeVar

import attrs

from _websub.grammar.signature import SecretError, check_secret
from _websub.grammar.urls import UrlError, check_url
from _websub.grammar.vocabulary import Mode as ProtocolMode
from _websub.http import Answer, Headers, Request
from tests.fuzz.target import Target, parts_of, text_of, unicode_of, words
from websubhub import ContentDistributor, Subscription, VerificationBudget
from websubhub._clients.topic_answer import content_type_of
from websubhub._clients.validators import strong_validators
from websubhub._protocol import notice
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import MEMORY
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.http.api import Admin
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.overview import About
from websubhub.standalone.events.events import Events
from websubhub.standalone.measuring.series import Series
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import FetchedTopic, HubStore, Mode, PendingVerification, StoredSubscription, Update
from websubhub.standalone.reach import Reach
from websubhub.standalone.settings import Settings
from websubhub.standalone.tokens import Tokens

T = TypeVar("T")
_HUB = "http://127.0.0.1:8080/hub"
_TOKEN = "token"


class House:
    """A hub's store and its admin API, on an event loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.store: HubStore = SqliteStore(MEMORY)
        self.run(self.store.__aenter__)
        controls = Controls(
            hub=_HUB,
            deny=self._deny,
            announced=lambda: None,
            accepted=lambda: None,
            verifications=VerificationBudget(time.monotonic),
            distributor=ContentDistributor(_HUB),
            clock=time.time,
        )
        about = About(settings=Settings(), sources={}, url=_HUB, started_at=time.time())
        operations = Operations(self.store, controls, Events(), Series(), about)
        access = Access(Tokens((_TOKEN,), "admin"), Tokens((), "viewer"), Reach(_HUB, "127.0.0.1"))
        self.admin = Admin(self.store, operations, HubMetrics(), access=access)

    async def _deny(self, message: Subscription, reason: str) -> None:
        notice(ProtocolMode.DENIED, message, reason)

    def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Wait for something."""

        async def wait() -> T:
            return await call()

        return self._loop.run_until_complete(wait())


@cache
def house() -> House:
    """The one that all inputs go to."""
    return House()


def stored(data: bytes) -> None:
    """What was accepted from a stranger comes back from the database as it went in."""
    topic, callback, secret, content_type, etag, body = (unicode_of(part) for part in parts_of(data, 6))
    try:
        check_url(topic)
        check_url(callback)
        check_secret(secret)
    except (UrlError, SecretError):
        return
    headers = Headers([("Content-Type", content_type), ("ETag", etag)])
    update = Update(
        id="m",
        topic=topic,
        content=body.encode("utf-8", "surrogatepass"),
        content_type=content_type_of(headers),
        hubs=(topic,),
        published_at=time.time(),
    )
    subscription = StoredSubscription(
        topic=topic, callback=callback, secret=secret, lease_seconds=3_600, requested_at=time.time()
    )
    fetched = FetchedTopic(etag=strong_validators(headers).etag, found_at=topic, hubs=(callback,))
    house().run(lambda: _through(house().store, subscription, update, fetched))


async def _through(store: HubStore, subscription: StoredSubscription, update: Update, fetched: FetchedTopic) -> None:
    topic, callback = subscription.topic, subscription.callback
    pending = PendingVerification(id="v", mode=Mode.SUBSCRIBE, topic=topic, callback=callback, due_at=0.0)
    assert await store.verifications.save(pending), "no place"
    assert await store.verifications.get(topic, callback) == pending, "another verification"
    assert await store.subscriptions.save(subscription, verification="v"), "not saved"
    assert await store.subscriptions.get(topic, callback) == subscription, "another subscription"
    await store.topics.save_fetch(topic, fetched)
    assert await store.topics.last_fetch(topic) == fetched, "another fetch"
    await store.announcements.save(topic)
    (announcement,) = await store.announcements.due()
    assert announcement.topic == topic, "another topic"
    assert await store.announcements.settle(announcement), "not settled"
    await store.broker.publish(update)
    (delivery,) = await store.broker.claim(10)
    assert (delivery.update, delivery.callback) == (update, callback), "another delivery"
    assert delivery.secret == subscription.secret, "another secret"
    delivery.done()
    await store.broker.flush()
    assert await store.subscriptions.remove(topic, callback), "not removed"
    await store.broker.reclaim()


def row(data: bytes) -> None:
    """A value of the database that is none of its column is refused, and stops nothing."""
    values: list[object] = [data, unicode_of(data), len(data), len(data) / 3, None]
    for read in (rows.text, rows.text_or_none, rows.content, rows.number, rows.whole, rows.texts, rows.delivery_mode):
        made, unreadable = rows.sorted_out([(place, value) for place, value in enumerate(values)], read)
        assert len(made) + len(unreadable) == len(values), "a row that is neither"


def admin(data: bytes) -> None:
    """Whatever an operator asks, there is an answer in JSON that blames the request or does it."""
    first, token, body = parts_of(data, 3)
    method, _, target = text_of(first).partition(" ")
    path, mark, query = target.partition("?")
    url = f"http://127.0.0.1:8080/{path.lstrip('/')}{mark}{query}"
    headers = [("Host", "127.0.0.1:8080"), ("Authorization", text_of(token)), ("Content-Type", "application/json")]
    request = Request(method=method or "GET", url=url, headers=headers, body=body)
    answer = house().run(lambda: _operate(request))
    assert answer.response.status < 500, "a fault of the hub"
    if not request.local_path.startswith("/metrics"):
        json.loads(answer.response.body)
    attrs.validate(answer)


async def _operate(request: Request) -> Answer:
    if request.local_path.endswith("/remove"):  # there should be something to remove
        found = StoredSubscription(topic="http://a/", callback="http://b/", lease_seconds=9, requested_at=time.time())
        await house().store.subscriptions.save(found)
    return await house().admin.handle(request)


_ROUTES = words(
    "/admin/topics /admin/subscriptions /admin/subscriptions/remove /admin/deliveries /admin/dead-letters "
    "/admin/dead-letters/replay /admin/dead-letters/drop /admin/announcements /admin/announcements/replay "
    "/admin/announcements/drop /admin/hosts /admin/hosts/pause /admin/hosts/resume /admin/statistics /health /ready "
    "/metrics GET POST PUT ?limit= ?after= &after_topic= ?topic= ?state= "
)
_JSON = words(
    '{ } [ ] : , "url" "ids" "host" "topic" "callback" "reason" "registered" "feed_diff" "delivery_mode" "limit" '
    '"latest" "every" true false null 1e400 NaN -1 9223372036854775807 9223372036854775808 "\\ud800" \\ud800 \\u0000 '
    '"http://a/" "a:80" [[[[[['
)
_ADMIN = b"\nBearer token\n"
TARGETS = (
    Target(
        "stored",
        stored,
        (
            b'https://topic.example/\nhttp://cb.example/a?b\nsecret\ntext/plain\n"etag"\ncontent',
            'https://münchen.example/é\nhttp://cb.example/%7E\nsécret\ntext/plain; a="b"\nW/"x"\n'.encode(),
        ),
        words("https:// http:// % é ' \" ; -- \\u0000 \xf0\x9f\x98\x80 W/ text/plain"),
        work=20_000,
    ),
    Target("row", row, (b'["a", "b"]', b"every", b"[1]"), words('[ ] " , every latest null 1e999 [[[[[[[[ \\ud800')),
    Target(
        "admin",
        admin,
        (
            b"GET /admin/topics?limit=5&after=a" + _ADMIN,
            b"GET /admin/subscriptions?topic=http://a/&after_topic=b&after=c" + _ADMIN,
            b"GET /admin/dead-letters?after=1" + _ADMIN,
            b"GET /admin/announcements?state=dead" + _ADMIN,
            b"POST /admin/topics" + _ADMIN + b'{"url": "http://a/", "registered": true, "delivery_mode": "latest"}',
            b"POST /admin/subscriptions/remove"
            + _ADMIN
            + b'{"topic": "http://a/", "callback": "http://b/", "reason": "gone"}',
            b"POST /admin/dead-letters/replay" + _ADMIN + b'{"ids": [1, 2]}',
            b"POST /admin/announcements/drop" + _ADMIN + b'{"ids": [1]}',
            b"POST /admin/hosts/pause" + _ADMIN + b'{"host": "a:81"}',
            b"GET /metrics\nBasic x\n",
        ),
        (*_ROUTES, *_JSON, b"Bearer ", b"\n"),
        work=20_000,
    ),
)
