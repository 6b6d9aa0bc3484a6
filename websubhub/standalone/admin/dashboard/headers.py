"""The headers of the dashboard's responses."""

from websubhub import Response

#: A page loads only this hub's files, sends forms only to this hub, and cannot be framed.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

SAFE_HEADERS = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # With no-referrer, browsers would also hide the origin of this hub's own forms.
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
    """Return the response with the data that a page's script requested."""
    return Response(status=200, headers=[("Content-Type", "application/json"), *SAFE_HEADERS], body=body)


def download_response(body: bytes, name: str) -> Response:
    """Return the response with someone else's content, for the browser to download rather than show as a page.

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
    """Return the redirect to another page of this hub, after a form or before sign-in."""
    return Response(status=303, headers=[("Location", address), *SAFE_HEADERS])
