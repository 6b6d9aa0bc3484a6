"""The dashboard's style, scripts and icon, under names that change with their content."""

import hashlib
from functools import cache
from importlib.resources import files

import attrs

from websubhub import Response

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_NAMES = (
    "dashboard.css",
    "dashboard.js",
    "icon.svg",
    "vendor/htmx.min.js",
    "vendor/uPlot.min.css",
    "vendor/uPlot.min.js",
)
_DIGEST_LENGTH = 12


@attrs.frozen
class _File:
    content: bytes = attrs.field(repr=False)
    media_type: str

    @property
    def tag(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:_DIGEST_LENGTH]


@cache
def _file(name: str) -> _File:
    content = files(__package__).joinpath("static", *name.split("/")).read_bytes()
    return _File(content, _TYPES[name.rpartition(".")[2]])


def static_path(name: str) -> str:
    """Return the path of a file, relative to the dashboard."""
    return f"/static/{_file(name).tag}/{name}"


def static_response(path: str) -> Response | None:
    """Return the response for a path below ``/static/``, or None if there is no such file."""
    _, _, rest = path.removeprefix("/static/").partition("/")
    if rest not in _NAMES:
        return None
    file = _file(rest)
    headers = [
        ("Content-Type", file.media_type),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    return Response(status=200, headers=headers, body=file.content)
