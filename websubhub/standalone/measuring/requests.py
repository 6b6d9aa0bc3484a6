"""Requests to a hub, counted by route and status."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OTHER = "other"
_STATUSES = 500  # different ones; above that, all others are counted as one, since labels must not grow without limit
_NONE = 0


class RequestCounter:
    """Counts the requests to an ASGI application.

    Args:
        route_of: Returns the route of a path. The number of routes is fixed.

    Attributes:
        in_progress: How many requests are being answered.
    """

    def __init__(self, route_of: Callable[[str], str]) -> None:
        self._route_of = route_of
        self._counts = Counter[tuple[str, int]]()
        self.in_progress = 0

    def counting(self, app: App) -> App:
        """Return an application that counts the requests to ``app``."""

        async def counted(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = _NONE

            async def noting(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            self.in_progress += 1
            try:
                await app(scope, receive, noting)
            finally:
                self.in_progress -= 1
                self._count(_local_path(scope), status)

        return counted

    def _count(self, path: str, status: int) -> None:
        key = self._route_of(path), status
        if key not in self._counts and len(self._counts) >= _STATUSES:
            key = OTHER, _NONE
        self._counts[key] += 1

    def by_class(self) -> list[int]:
        """Return how many requests were answered with 2xx, 3xx, 4xx and 5xx."""
        classes = [0, 0, 0, 0]
        for (_, status), count in self._counts.items():
            if 200 <= status <= 599:  # noqa: PLR2004 - the final statuses
                classes[status // 100 - 2] += count
        return classes

    def families(self) -> Iterable[Metric]:
        """Return the counts for Prometheus."""
        requests = CounterMetricFamily(
            "websubhub_http_requests",
            "Requests by route and status, which is 0 if there was no response.",
            labels=["route", "status"],
        )
        for (route, status), count in sorted(self._counts.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        yield GaugeMetricFamily("websubhub_http_requests_in_progress", "Requests in progress.", value=self.in_progress)


def _local_path(scope: Message) -> str:
    path: str = scope.get("path", "/")
    mount: str = scope.get("root_path", "").rstrip("/")
    return path[len(mount) :] if mount and path.startswith(mount) else path
