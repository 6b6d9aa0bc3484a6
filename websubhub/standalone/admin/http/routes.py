"""The table of the admin API's routes."""

from collections.abc import Sequence

import attrs

from websubhub import AccountState
from websubhub.standalone.admin.http.message_routes import CONTENT, message_routes
from websubhub.standalone.admin.http.route import Operation, Parameter, Route
from websubhub.standalone.admin.http.schemas import (
    CURSOR,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    array,
    listing,
    nullable,
    one_of,
    record,
    schema_of,
)
from websubhub.standalone.admin.http.shared_parameters import (
    CALLBACK,
    COUNT,
    HOST,
    LETTERS_MEANT,
    LIMIT,
    PAGE,
    REASON,
    THE_HOST,
    THE_IDS,
    THE_NAMES,
    THE_PAIR,
    THE_TOPIC,
    TOPIC,
)
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.hub.given_up import GivenUpVerification
from websubhub.standalone.hub.last_fetches import LastFetch
from websubhub.standalone.measuring.series import COUNTED, MEASURED
from websubhub.standalone.ports import (
    Announcement,
    AnnouncementState,
    AnnouncementStatistics,
    DeadLetter,
    DeliveryMode,
    FailedAttempt,
    FailingDelivery,
    HostState,
    PendingVerification,
    Statistics,
    StoredSubscription,
    Topic,
)

_ANNOUNCEMENT = schema_of(Announcement, state=one_of(AnnouncementState))
_HOST_STATE = schema_of(HostState)
_SUBSCRIPTION = schema_of(StoredSubscription, without=("secret",), host=TEXT, expires_at=TIME, signed=FLAG)
_VERIFICATION = schema_of(
    PendingVerification, without=("secret", "elsewhere"), host=TEXT, state=one_of(("pending", "failing"))
)
_GIVEN_UP = schema_of(GivenUpVerification, host=TEXT)
_FETCH = record(
    fetched_at=nullable(TIME),
    url=TEXT,
    canonical=nullable(TEXT),
    hubs=array(TEXT),
    names_this_hub=FLAG,
    etag=nullable(TEXT),
    last_modified=nullable(TEXT),
    message_id=nullable(TEXT),
    entries=WHOLE,
)
_STATISTICS = schema_of(Statistics, announcements=schema_of(AnnouncementStatistics))


def routes(operations: Operations) -> Sequence[Route]:
    """Return the routes for these operations."""
    return (
        *_overview(operations),
        *_topics(operations),
        *_subscriptions(operations),
        *_verifications(operations),
        *_announcements(operations),
        *_letters(operations),
        *message_routes(operations),
        *_hosts(operations),
        *_events(operations),
    )


def _between(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _get(
    path: str, operation: Operation, answer: Schema, *parameters: Parameter, statuses: Sequence[int] = ()
) -> Route:
    return Route(method="GET", path=path, operation=operation, answer=answer, parameters=parameters, statuses=statuses)


def _post(
    path: str, operation: Operation, answer: Schema, *parameters: Parameter, statuses: Sequence[int] = ()
) -> Route:
    return Route(method="POST", path=path, operation=operation, answer=answer, parameters=parameters, statuses=statuses)


def _overview(operations: Operations) -> Sequence[Route]:
    overview = operations.overview
    failures = record(
        statistics=_STATISTICS,
        failing=array(schema_of(FailingDelivery, host=TEXT)),
        next=CURSOR,
        announcements=array(_ANNOUNCEMENT),
    )
    setting = record(name=TEXT, value={}, source=TEXT, help=TEXT)
    info = record(
        version=TEXT,
        python=TEXT,
        platform=TEXT,
        url=TEXT,
        store=TEXT,
        started_at=TIME,
        uptime_seconds=NUMBER,
        disk=nullable(record(store_bytes=WHOLE, free_bytes=WHOLE)),
        warnings=array(TEXT),
        settings=array(setting),
    )
    columns = {name: array(nullable(NUMBER)) for name in (*COUNTED, *MEASURED)}
    series = record(step_seconds=WHOLE, series=record(at=array(TIME), **columns))
    window = Parameter(
        name="seconds", text="How far back to go, 3600 by default and at most 86400.", schema=_between(10, 86_400)
    )
    step = Parameter(
        name="step",
        text="The length of a step in seconds, a multiple of 10.",
        schema={**_between(10, 86_400), "multipleOf": 10},
    )
    return (
        _get("/admin/info", overview.info, info),
        _get("/admin/series", overview.series, series, window, step),
        _get("/admin/statistics", overview.statistics, _STATISTICS),
        _get("/admin/deliveries", overview.deliveries, failures, TOPIC, HOST, CALLBACK, REASON, *PAGE),
        _doctor(operations),
    )


def _doctor(operations: Operations) -> Route:
    finding = record(mark=one_of(("ok", "note", "fail")), text=TEXT)
    topic = attrs.evolve(TOPIC, text="A topic to fetch.")
    callback = attrs.evolve(CALLBACK, text="A callback to send a verification request to.")
    answer = record(works=FLAG, findings=array(finding))
    return _post("/admin/doctor", operations.doctor.examine, answer, topic, callback, statuses=(409,))


def _topics(operations: Operations) -> Sequence[Route]:
    topics = operations.topics
    topic = schema_of(Topic)
    details = schema_of(
        Topic,
        subscriptions=WHOLE,
        updates=WHOLE,
        dead_letters=WHOLE,
        published_at=nullable(TIME),
        last_fetch=nullable(_FETCH),
        last_attempt=nullable(schema_of(LastFetch)),
        announcement=nullable(_ANNOUNCEMENT),
    )
    options = (
        THE_TOPIC,
        Parameter(name="registered", text="Whether it counts as registered.", schema=FLAG),
        Parameter(
            name="delivery_mode",
            text="every for each update in order, latest for only the newest.",
            schema=one_of(DeliveryMode),
        ),
        Parameter(name="feed_diff", text="Whether to leave out entries that have already been delivered.", schema=FLAG),
    )
    search = Parameter(name="search", text="Only topics with this text in their URL.", schema=TEXT)
    return (
        _get("/admin/topics", topics.page, listing("topics", topic), search, *PAGE),
        _post("/admin/topics", topics.save, topic, *options),
        _get("/admin/topic", topics.one, details, THE_TOPIC, statuses=(404,)),
        _post("/admin/topics/announce", topics.announce, record(announced=TEXT), THE_TOPIC, statuses=(404, 409)),
        _post("/admin/topics/remove", topics.remove, record(removed=TEXT), THE_TOPIC, statuses=(404, 409)),
    )


def _subscriptions(operations: Operations) -> Sequence[Route]:
    subscriptions = operations.subscriptions
    after_topic = Parameter(
        name="after_topic",
        text="The topic of the last entry on the previous page, if after is its callback.",
        schema=TEXT,
    )
    details = {
        **_SUBSCRIPTION,
        "properties": {
            **_SUBSCRIPTION["properties"],
            "verification": nullable(_VERIFICATION),
            "host_state": nullable(_HOST_STATE),
            "waiting": WHOLE,
            "last_success_at": nullable(TIME),
            "last_failure": nullable(schema_of(FailedAttempt)),
        },
    }
    reason = Parameter(name="reason", text="What to tell the subscriber.", schema=TEXT)
    notify = Parameter(name="notify", text="Whether to notify the subscriber, true by default.", schema=FLAG)
    content = Parameter(name="content", text="The text to deliver instead of the default one.", schema=TEXT)
    content_type = Parameter(name="content_type", text="Its Content-Type.", schema=TEXT)
    tested = record(delivered=FLAG, status=nullable(WHOLE), reason=TEXT, answer=TEXT, milliseconds=WHOLE)
    removed = record(removed=WHOLE)
    page = listing("subscriptions", _SUBSCRIPTION)
    path = "/admin/subscriptions"
    return (
        _get(path, subscriptions.page, page, TOPIC, HOST, CALLBACK, after_topic, *PAGE),
        _get("/admin/subscription", subscriptions.one, details, *THE_PAIR, statuses=(404,)),
        _post(f"{path}/remove", subscriptions.remove, removed, *THE_PAIR, reason, notify, statuses=(404,)),
        _post(f"{path}/verify", subscriptions.verify, record(verifying=TEXT), *THE_PAIR, statuses=(404,)),
        _post(f"{path}/test", subscriptions.test, tested, *THE_PAIR, content, content_type, statuses=(404,)),
    )


def _verifications(operations: Operations) -> Sequence[Route]:
    verifications, path = operations.verifications, "/admin/verifications"
    state = Parameter(name="state", text="Only in this state.", schema=one_of(("pending", "failing")))
    host = attrs.evolve(HOST, text="Only with callbacks on this host, on any port.")
    page = listing("verifications", _VERIFICATION, total=WHOLE)
    return (
        _get(path, verifications.page, page, state, host, *PAGE),
        _get(f"{path}/given-up", verifications.given_up, listing("given_up", _GIVEN_UP), host, *PAGE),
        _post(f"{path}/retry", verifications.retry, record(retried=WHOLE, unknown=array(TEXT)), THE_NAMES),
        _post(f"{path}/drop", verifications.drop, record(dropped=WHOLE, unknown=array(TEXT)), THE_NAMES),
    )


def _announcements(operations: Operations) -> Sequence[Route]:
    announcements, path = operations.announcements, "/admin/announcements"
    state = Parameter(name="state", text="Only in this state.", schema=one_of(AnnouncementState))
    return (
        _get(path, announcements.page, listing("announcements", _ANNOUNCEMENT), state, *PAGE),
        _post(f"{path}/replay", announcements.replay, record(replayed=WHOLE, unknown=array(WHOLE)), THE_IDS),
        _post(f"{path}/drop", announcements.drop, record(dropped=WHOLE, unknown=array(WHOLE)), THE_IDS),
    )


def _letters(operations: Operations) -> Sequence[Route]:
    letters, path = operations.letters, "/admin/dead-letters"
    page = listing("dead_letters", schema_of(DeadLetter, host=TEXT), total=WHOLE)
    replayed, dropped = (record(**{word: WHOLE}, unknown=array(WHOLE)) for word in ("replayed", "dropped"))
    letter = Parameter(name="id", text="The id of the dead letter.", schema=COUNT, required=True)
    return (
        _get(path, letters.page, page, TOPIC, HOST, CALLBACK, REASON, *PAGE),
        _get(f"{path}/{{id}}/content", letters.content, CONTENT, letter, statuses=(404,)),
        _post(f"{path}/replay", letters.replay, replayed, *LETTERS_MEANT, statuses=(409,)),
        _post(f"{path}/drop", letters.drop, dropped, *LETTERS_MEANT, statuses=(409,)),
    )


def _hosts(operations: Operations) -> Sequence[Route]:
    hosts, path = operations.hosts, "/admin/hosts"
    account = schema_of(AccountState, without=("name",), host=TEXT)
    page = listing("hosts", _HOST_STATE, verifications=array(account))
    return (
        _get(path, hosts.page, page, HOST, *PAGE),
        _post(f"{path}/pause", hosts.pause, record(paused=TEXT), THE_HOST),
        _post(f"{path}/resume", hosts.resume, record(resumed=TEXT), THE_HOST),
    )


def _events(operations: Operations) -> Sequence[Route]:
    fields = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
    event = record(id=WHOLE, at=TIME, name=TEXT, level=TEXT, text=TEXT, fields=fields)
    name = Parameter(name="name", text="Only of this kind.", schema=TEXT)
    after = Parameter(
        name="after", text="The id of an event, to get the events after it instead of the newest.", schema=COUNT
    )
    return (_get("/admin/events", operations.events.page, listing("events", event), name, TOPIC, after, LIMIT),)
