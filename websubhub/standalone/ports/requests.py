"""Accepted requests of subscribers, stored until they are verified."""

from enum import StrEnum

from attrs import field, frozen

import websubhub  # not its names, so that the command line can import this module without loading them


class Mode(StrEnum):
    """The mode of a pending intent verification (W3C 5.3)."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


@frozen(kw_only=True)
class PendingVerification:
    """An accepted request (202) whose intent verification is not finished.

    Args:
        id: A random id of this request. A newer request for the same topic and callback replaces it.
        mode: Whether the request subscribes or unsubscribes.
        topic: The topic URL.
        callback: The callback URL, as the subscriber wrote it.
        secret: The secret for signatures, or None.
        lease_seconds: The lease that will be granted, 0 for an unsubscription.
        attempts: How many verification requests were sent.
        due_at: When to send the next one.
        reason: What went wrong in the last attempt, in one sentence, or an empty string.
        known: Whether its pair was already subscribed when it was stored. The store sets this.
        elsewhere: Whether another process should verify it. The store sets this in what ``save`` returns.
    """

    id: str
    mode: Mode
    topic: str
    callback: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    lease_seconds: int = 0
    attempts: int = 0
    due_at: float
    reason: str = ""
    known: bool = field(default=False, eq=False)
    elsewhere: bool = field(default=False, eq=False)

    def message(self, hub: str) -> "websubhub.Subscription | websubhub.Unsubscription":
        """Return the request as hooks receive it, with this id as its ``request_id``.

        Args:
            hub: The hub's public URL.
        """
        if self.mode is Mode.UNSUBSCRIBE:
            return websubhub.Unsubscription(hub=hub, topic=self.topic, callback=self.callback, request_id=self.id)
        return websubhub.Subscription(
            hub=hub,
            topic=self.topic,
            callback=self.callback,
            lease_seconds=self.lease_seconds,
            secret=self.secret,
            request_id=self.id,
        )
