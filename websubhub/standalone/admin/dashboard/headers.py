"""The headers of the dashboard's responses."""

from websubhub import Response

#: A page loads this hub's own files, sends forms to this hub, and stands in no frame.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

SAFE_HEADERS = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # With no-referrer, browsers would hide the origin of this hub's own forms.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Robots-Tag", "noindex"),
    ("Cache-Control", "no-store"),
)


def page_response(body: bytes, status: int = 200) -> Response:
    """Return the response with a page."""
    return Response(status=status, headers=[("Content-Type", "text/html; charset=utf-8"), *SAFE_HEADERS], body=body)


def json_response(body: bytes) -> Response:
    """Return the response with what a script of a page asked for."""
    return Response(status=200, headers=[("Content-Type", "application/json"), *SAFE_HEADERS], body=body)


def download_response(body: bytes, name: str) -> Response:
    """Return the response with a content of others, which no browser shows as a page of this hub.

    Args:
        body: The content.
        name: The name of the file, of letters, digits, ``-`` and ``.``.
    """
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
        *SAFE_HEADERS,
    ]
    return Response(status=200, headers=headers, body=body)


def redirect(address: str) -> Response:
    """Return the response that leads to another page of this hub, after a form or before a sign-in."""
    return Response(status=303, headers=[("Location", address), *SAFE_HEADERS])
