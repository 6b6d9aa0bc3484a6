"""Request heads: rendered for each delivery from parts that are rendered once."""

from websubhub._distribution.delivery import Delivery


def render_head(delivery: Delivery, target: str, request_end: str) -> bytes | None:
    """Return the request line and the header fields, or ``None`` if the delivery has something that must not be sent.

    Args:
        delivery: What to send.
        target: The path and the query of its callback.
        request_end: The rest of the request line and the ``Host`` field of its origin.
    """
    content, secret = delivery.content, delivery.secret
    fields = content.fields
    if fields is None:
        return None
    try:
        own = "" if secret is None else f"X-Hub-Signature: {content.signature(secret)}\r\n"
        return f"{content.method} {target}{request_end}{fields}{own}\r\n".encode("latin-1")
    except ValueError:  # an unknown signature method, or a character that has no byte
        return None
