"""Request heads: rendered for each delivery from parts that are rendered once."""

from websubhub._distribution.delivery import Delivery, render_fields


def is_target(target: str) -> bool:
    """Whether the text can stand in a request line, where a space or a line end would start something else."""
    return target.isascii() and target.isprintable() and " " not in target and "#" not in target


def render_head(delivery: Delivery, target: str, request_end: str) -> bytes | None:
    """The request line and the header fields, or ``None`` if the delivery has something that must not be sent.

    Args:
        delivery: What to send.
        target: The path and the query of its callback.
        request_end: The rest of the request line and the ``Host`` field of its origin.
    """
    content = delivery.content
    shared = content.fields
    if shared is None:
        return None
    try:
        own = _render_own(delivery)
        return None if own is None else f"{content.method} {target}{request_end}{shared}{own}\r\n".encode("latin-1")
    except ValueError:  # an unknown signature method, or a character that has no byte
        return None


def _render_own(delivery: Delivery) -> str | None:
    own = render_fields(delivery.headers) if delivery.headers else ""
    if delivery.secret is None or own is None:
        return own
    return f"{own}X-Hub-Signature: {delivery.content.signature(delivery.signature_method, delivery.secret)}\r\n"
