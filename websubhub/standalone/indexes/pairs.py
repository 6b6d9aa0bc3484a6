"""Pairs of topic and callback, which name subscriptions."""

from websubhub import url_identity

Pair = tuple[str, str]
"""Names a subscription: the identities of its topic and of its callback."""


def pair_of(topic: str, callback: str) -> Pair:
    """Return what names the subscription of a callback to a topic."""
    return url_identity(topic), url_identity(callback)
