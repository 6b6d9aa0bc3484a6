"""The first page: what a browser shows at the hub's URL, and at ``/`` if there is no dashboard."""

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from websubhub import Answer, Request, Response
from websubhub.standalone.admin.dashboard.headers import SAFE_HEADERS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOKS = frozenset({"GET", "HEAD"})


class FirstPage:
    """Tells browsers what this is, whether it works, and where to read more.

    Args:
        public_url: The hub's public URL.
        is_ready: Returns whether the hub accepts requests and can store them.
        has_dashboard: Whether there is a dashboard to link to.
    """

    def __init__(self, public_url: str, is_ready: Callable[[], Awaitable[bool]], *, has_dashboard: bool) -> None:
        self._public_url = public_url
        self._is_ready = is_ready
        self._has_dashboard = has_dashboard
        folder = files(__package__).joinpath("static")
        style = folder.joinpath("first_page.css").read_text(encoding="utf-8")
        self._template = Template(
            folder.joinpath("first_page.html").read_text(encoding="utf-8").replace("$style", style)
        )
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"
        safe = [(name, value) for name, value in SAFE_HEADERS if name != "Content-Security-Policy"]
        self._headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy), *safe]

    async def handle(self, request: Request) -> Answer:
        """Answer a browser's request."""
        ready = await self._is_ready()
        words = _READY if ready else _NOT_READY
        dashboard = _DASHBOARD if self._has_dashboard else _NO_DASHBOARD
        page = self._template.substitute(
            hub=escape(self._public_url),
            state="good" if ready else "bad",
            words=words,
            dashboard=Template(dashboard).substitute(start=escape(f"{request.mount}/")),
        )
        further = [] if ready else [("Retry-After", "5")]
        return Answer(Response(status=200 if ready else 503, headers=[*self._headers, *further], body=page.encode()))


_READY = "It is working: it accepts subscriptions and updates."
_NOT_READY = "It cannot accept anything right now. Its log says why."
_DASHBOARD = '<p><a href="$start">The dashboard</a> shows its operators what it is doing.</p>'
_NO_DASHBOARD = (
    "<p>If you operate this hub, the commands <code>websubhub topics</code>, <code>subscriptions</code>, "
    "<code>deliveries</code> and <code>dead-letters</code> show what it is doing. "
    "<code>pip install 'websubhub[dashboard]'</code> adds a dashboard at this address.</p>"
)


class Browsable:
    """An ASGI application that shows pages to browsers, and passes all other requests to another application.

    Args:
        app: The application for programs.
        pages: The application for browsers that look at something.
    """

    def __init__(self, app: App, pages: App) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        is_look = scope["type"] == "http" and scope["method"] in _LOOKS and wants_html(scope)
        await (self._pages if is_look else self._app)(scope, receive, send)


def wants_html(scope: Scope) -> bool:
    """Return whether a browser requests a page. Programs accept anything, or name another type."""
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"])
