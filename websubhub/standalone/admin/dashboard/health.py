"""The health of a subscription in words: whether it gets its updates, and why not."""

from typing import Any

import attrs

from websubhub.standalone.admin.dashboard import formats


@attrs.frozen(kw_only=True)
class Health:
    """The health of a subscription.

    Attributes:
        level: ``good``, ``warn`` or ``bad``.
        sentence: Its state and the reason for it.
    """

    level: str
    sentence: str


def health_of(subscription: dict[str, Any], attempts: list[dict[str, Any]], letters: int) -> Health:
    """Return the health of a subscription.

    Args:
        subscription: The subscription.
        attempts: Its failed attempts, newest first.
        letters: How many dead letters it has.
    """
    waiting, host = subscription["waiting"], subscription["host_state"]
    owed = formats.counted(waiting, "update is waiting", "updates are waiting")
    last = f"The last attempt: {attempts[0]['reason']}." if attempts else ""
    if host and host["paused"]:
        return Health(level="warn", sentence=f"An operator paused its host: {owed} until an operator resumes it.")
    if host and host["resumes_at"] and waiting:
        failures = formats.counted(host["failures"], "delivery", "deliveries")
        return Health(
            level="bad",
            sentence=f"Its host is held back, because {failures} in a row failed: {owed}. {last}",
        )
    if waiting and attempts and _is_failing(subscription):
        return Health(level="bad", sentence=f"Its deliveries are failing and will be retried: {owed}. {last}")
    if letters:
        some = formats.counted(letters, "delivery", "deliveries")
        return Health(level="warn", sentence=f"The hub gave up on {some}. {last}")
    if waiting:
        return Health(level="good", sentence=f"{owed} to be delivered.")
    return Health(level="good", sentence="It has received everything published since it began.")


def _is_failing(subscription: dict[str, Any]) -> bool:
    succeeded, failure = subscription["last_success_at"], subscription["last_failure"]
    return failure is not None and (succeeded is None or succeeded < failure["attempted_at"])
