"""The admin API to inspect and operate a running hub: JSON behind a token, health, readiness and metrics."""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from websubhub import Answer, Request, Response, refusal_on_loopback
from websubhub.standalone.admin.http.readiness import Readiness
from websubhub.standalone.admin.http.scraping import Scraping
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore, StoreError
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Refusal, Tokens

_OPERATING = "/admin/"
_BODY_LIMIT = 1_048_576


class Admin:
    """Answers below ``/admin``, and at ``/health``, ``/ready`` and ``/metrics``.

    Args:
        store: The store.
        operations: The operations.
        metrics: The counts of the hub.
        tokens: The bearer tokens of operators. If there are any, one is required.
        reach: Tells whether no token is required, since the hub and the request are on this machine.
        saturated: Returns whether the hub would refuse the next request because it is too busy.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        store: HubStore,
        operations: Operations,
        metrics: HubMetrics,
        *,
        tokens: Tokens,
        reach: Reach,
        saturated: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._readiness = Readiness(store)
        self._scraping = Scraping(store, metrics, clock)
        self._tokens = tokens
        self._reach = reach
        self._saturated = saturated
        self._routes: Mapping[tuple[str, str], Callable[[dict[str, Any]], Awaitable[object]]] = {
            ("GET", "/admin/topics"): operations.topics.page,
            ("POST", "/admin/topics"): operations.topics.save,
            ("GET", "/admin/topic"): operations.topics.one,
            ("POST", "/admin/topics/announce"): operations.topics.announce,
            ("POST", "/admin/topics/remove"): operations.topics.remove,
            ("GET", "/admin/subscriptions"): operations.subscriptions.page,
            ("GET", "/admin/subscription"): operations.subscriptions.one,
            ("POST", "/admin/subscriptions/remove"): operations.subscriptions.remove,
            ("POST", "/admin/subscriptions/verify"): operations.subscriptions.verify,
            ("POST", "/admin/subscriptions/test"): operations.subscriptions.test,
            ("GET", "/admin/verifications"): operations.verifications.page,
            ("POST", "/admin/verifications/retry"): operations.verifications.retry,
            ("POST", "/admin/verifications/drop"): operations.verifications.drop,
            ("GET", "/admin/dead-letters/content"): operations.letters.content,
            ("GET", "/admin/deliveries"): operations.overview.deliveries,
            ("GET", "/admin/dead-letters"): operations.letters.page,
            ("POST", "/admin/dead-letters/replay"): operations.letters.replay,
            ("POST", "/admin/dead-letters/drop"): operations.letters.drop,
            ("GET", "/admin/announcements"): operations.announcements.page,
            ("POST", "/admin/announcements/replay"): operations.announcements.replay,
            ("POST", "/admin/announcements/drop"): operations.announcements.drop,
            ("GET", "/admin/hosts"): operations.hosts.page,
            ("POST", "/admin/hosts/pause"): operations.hosts.pause,
            ("POST", "/admin/hosts/resume"): operations.hosts.resume,
            ("GET", "/admin/statistics"): operations.overview.statistics,
        }

    async def handle(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return Answer(await self._respond(request))
        except OperationError as error:
            return Answer(_json(error.status, {"error": str(error)}))
        except StoreError as error:
            # Operators have shown a token, but anybody may request the metrics.
            text = str(error) if request.local_path.startswith(_OPERATING) else error.public
            return Answer(_json(503, {"error": text}, [("Retry-After", "5")]))

    async def _respond(self, request: Request) -> Response:
        path = request.local_path
        if path == "/health":
            return _json(200, {"status": "ok"})
        if path == "/ready":
            return await self._readiness_response()
        if path == "/metrics":
            return _text(await self._scraping.text())
        if not path.startswith(_OPERATING):
            raise OperationError(404, "There is nothing here.")
        refusal = self._refusal(request)
        if refusal is not None:
            return _json(refusal.status, {"error": refusal.reason}, refusal.headers.items())
        route = self._routes.get((request.method, path))
        if route is None:
            known = any(other == path for _, other in self._routes)
            raise OperationError(405 if known else 404, "There is nothing here for this method.")
        return _json(200, await route(_parameters(request)))

    async def is_ready(self) -> bool:
        """Return whether the hub accepts requests and can store them."""
        return not self._saturated() and await self._readiness.is_ready()

    async def _readiness_response(self) -> Response:
        # Anybody may ask, so the reason is only in the log.
        if await self.is_ready():
            return _json(200, {"status": "ready"})
        return _json(503, {"status": "not ready"}, [("Retry-After", "5")])

    def _refusal(self, request: Request) -> Refusal | None:
        if self._tokens:
            return self._tokens.refusal(request.headers)
        if not self._reach.is_private(request.headers):
            return Refusal(reason="this hub has no admin token")
        if request.method == "GET":
            return None
        if reason := refusal_on_loopback(request):
            return Refusal(reason=reason, status=403)
        # A web page can make a browser send any type but this one here.
        if _media_type(request) != "application/json":
            return Refusal(reason="The Content-Type must be application/json.", status=415)
        return None


def _text(metrics: bytes) -> Response:
    headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]
    return Response(status=200, headers=headers, body=metrics)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(status: int, value: object, further: Iterable[tuple[str, str]] = ()) -> Response:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *further]
    if status == 401:  # noqa: PLR2004 - the only status with its own header
        headers.append(("WWW-Authenticate", 'Bearer realm="websubhub admin"'))
    return Response(status=status, headers=headers, body=json.dumps(value).encode() + b"\n")


def _parameters(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(parse_qsl(request.query))
    if len(request.body) > _BODY_LIMIT:
        raise OperationError(413, "The body is too large.")
    try:
        value = json.loads(request.body or b"{}")
        # JSON can escape half a character, which neither the database nor a request can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise OperationError(400, "The body must be a JSON object.") from None
    if not isinstance(value, dict):
        raise OperationError(400, "The body must be a JSON object.")
    return value
