"""Failing deliveries in SQLite: those that will be retried."""

from websubhub import authority_of, url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.ports import DeliveryFilter, FailingDelivery, FailingPlace
from websubhub.standalone.schedule.hosts import host_key

# A filter that matches more subscriptions is faster to apply to the retries, in the order in which they are due.
_FEW = 10_000
_PAGE = (
    "SELECT url, callback, attempts, refusals, due_at, reason FROM retries "
    "CROSS JOIN subscriptions ON subscriptions.id = subscription_id CROSS JOIN topics ON topics.id = topic_id "
    "WHERE {conditions} ORDER BY {order}, url, callback LIMIT :limit"
)
_AFTER = "due_at >= :due_at AND (due_at, url, callback) > (:due_at, :after_topic, :after_callback)"
_CONDITIONS = {
    "callback": "subscriptions.host = :callback_host AND subscriptions.identity = :callback",
    "host": "subscriptions.host = :host",
    "topic": "topic_id = (SELECT id FROM topics WHERE identity = :topic)",
}


def read_failing(
    connection: Connection, only: DeliveryFilter, after: FailingPlace | None, limit: int
) -> list[FailingDelivery]:
    """Return a page of the deliveries that will be retried, next one first."""
    values = _values(only, after, limit)
    conditions = [condition for name, condition in _CONDITIONS.items() if getattr(only, name) is not None]
    narrow = next((each for each in conditions if _means_few(connection, each, values)), None)
    if narrow is not None:
        conditions.append(f"subscription_id IN (SELECT id FROM subscriptions WHERE {narrow})")  # noqa: S608 - as below
    if only.reason is not None:
        conditions.append("reason = :reason")
    if after is not None:
        conditions.append(_AFTER)
    statement = _PAGE.format(
        conditions=" AND ".join(conditions) or "1",
        order="due_at" if narrow is None else "+due_at",  # the plus keeps SQLite from the index of all retries
    )
    return [
        FailingDelivery(topic=row[0], callback=row[1], attempts=row[2], refusals=row[3], due_at=row[4], reason=row[5])
        for row in connection.execute(statement, values)
    ]


def _values(only: DeliveryFilter, after: FailingPlace | None, limit: int) -> dict[str, object]:
    due_at, topic, callback = after or (0.0, "", "")
    return {
        "callback": url_identity(only.callback or ""),
        "callback_host": host_key(authority_of(only.callback)) if only.callback else 0,
        "host": host_key(only.host or ""),
        "topic": url_identity(only.topic or ""),
        "reason": only.reason,
        "due_at": due_at,
        "after_topic": topic,
        "after_callback": callback,
        "limit": limit,
    }


def _means_few(connection: Connection, condition: str, values: dict[str, object]) -> bool:
    statement = f"SELECT count(*) FROM (SELECT 1 FROM subscriptions WHERE {condition} LIMIT {_FEW + 1})"  # noqa: S608 - our own words
    return int(connection.execute(statement, values).fetchone()[0]) <= _FEW
