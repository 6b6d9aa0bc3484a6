"""The links that advertise a topic's hubs to subscribers (W3C 4)."""

from collections.abc import Callable, Iterable, MutableMapping
from html import escape
from typing import Any

from _websub.asgi.edge import AsgiApp, AsgiSend, Receive, Scope
from _websub.grammar.links import write_links
from _websub.grammar.targets import in_origin_form
from _websub.grammar.urls import check_url

_ATOM = "http://www.w3.org/2005/Atom"


def link_header(hubs: Iterable[str], topic: str) -> str:
    """Return the value of a ``Link`` header that advertises hubs and the canonical topic URL.

    Args:
        hubs: The hubs' URLs, the preferred one first.
        topic: The topic's canonical URL.

    Raises:
        UrlError: A URL is not an absolute http(s) URL. Some readers do not resolve relative ones.
    """
    return write_links([check_url(hub, "The hub's URL") for hub in hubs], check_url(topic, "The topic's URL"))


def html_links(hubs: Iterable[str], topic: str) -> str:
    """Return the ``<link>`` elements for the ``<head>`` of an HTML page.

    Args:
        hubs: The hubs' URLs, the preferred one first.
        topic: The topic's canonical URL.
    """
    return "\n".join(f'<link rel="{rel}" href="{escape(url)}">' for rel, url in _pairs(hubs, topic))


def feed_links(hubs: Iterable[str], topic: str) -> str:
    """Return the link elements for an Atom ``<feed>`` or an RSS ``<channel>``, with their namespace.

    Args:
        hubs: The hubs' URLs, the preferred one first.
        topic: The topic's canonical URL.

    Example:
        ```python
        from websubhub import feed_links

        links = feed_links(["https://hub.example.com/hub"], "https://example.com/feed")
        feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>{links}</feed>'
        ```
    """
    rows = (f'<atom:link xmlns:atom="{_ATOM}" rel="{rel}" href="{escape(url)}"/>' for rel, url in _pairs(hubs, topic))
    return "\n".join(rows)


def _pairs(hubs: Iterable[str], topic: str) -> list[tuple[str, str]]:
    pairs = [("hub", check_url(hub, "The hub's URL")) for hub in hubs]
    return [*pairs, ("self", check_url(topic, "The topic's URL"))]


class Advertiser:
    """ASGI middleware that adds the ``Link`` header to the responses of a publisher's application.

    The header is added to responses to GET and HEAD, including 304, but not to errors.

    Args:
        app: The application.
        hubs: The hubs' URLs, the preferred one first.
        topic: Returns the canonical URL of the resource at a path with its query, as in
            ``lambda path: f"https://example.com{path}"``, or None if it is not a topic.

    Example:
        ```python
        from websubhub import Advertiser


        async def site(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<h1>News</h1>"})


        app = Advertiser(site, hubs=["https://hub.example.com/hub"], topic=lambda path: f"https://example.com{path}")
        ```
    """

    def __init__(self, app: AsgiApp, *, hubs: Iterable[str], topic: Callable[[str], str | None]) -> None:
        self._app = app
        self._hubs = tuple(check_url(hub, "The hub's URL") for hub in hubs)
        self._topic = topic

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        topic = self._topic(_path(in_origin_form(scope)))
        if topic is None:
            await self._app(scope, receive, send)
            return
        link = (b"link", link_header(self._hubs, topic).encode("ascii"))

        async def advertise(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start" and (event["status"] < 300 or event["status"] == 304):  # noqa: PLR2004
                event = {**event, "headers": [*event.get("headers", ()), link]}
            await send(event)

        await self._app(scope, receive, advertise)


def _path(scope: Scope) -> str:
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path
