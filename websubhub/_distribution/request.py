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
    own = ""
    if delivery.headers:
        rendered = render_fields(delivery.headers)
        if rendered is None:
            return None
        own = rendered
    if delivery.secret is not None:
        signature = content.signature(delivery.signature_method, delivery.secret)
        own = f"{own}X-Hub-Signature: {signature}\r\n"
    try:
        return f"{content.method} {target}{request_end}{shared}{own}\r\n".encode("latin-1")
    except UnicodeEncodeError:
        return None
