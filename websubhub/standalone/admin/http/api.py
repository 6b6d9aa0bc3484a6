"""The admin API for inspecting and operating a running hub: JSON behind a token, health, readiness and metrics."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from prometheus_client.core import Metric

from websubhub import Answer, Request, Response
from websubhub.standalone.admin.http import openapi
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.http.readiness import Readiness
from websubhub.standalone.admin.http.route import Route
from websubhub.standalone.admin.http.routes import routes
from websubhub.standalone.admin.http.scraping import Scraping
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore, StoreError

_OPERATING = "/admin/"
_BODY_LIMIT = 1_048_576
_PARAMETERS_LIMIT = 100


class Admin:
    """Answers requests below ``/admin``, and at ``/health``, ``/ready`` and ``/metrics``.

    Args:
        store: The store.
        operations: The operations.
        metrics: The counts of the hub.
        access: Decides who may use the API.
        saturated: Returns whether the hub would refuse the next request because it is too busy.
        clock: Returns the time, in seconds since 1970.
        further: Returns more metric families, measured by others.

    Attributes:
        routes: The routes below ``/admin``.
    """

    def __init__(
        self,
        store: HubStore,
        operations: Operations,
        metrics: HubMetrics,
        *,
        access: Access,
        saturated: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
        further: Callable[[], Iterable[Metric]] = tuple,
    ) -> None:
        self._readiness = Readiness(store)
        self._is_complete = operations.overview.is_complete
        self._scraping = Scraping(store, metrics, clock, further)
        self._access = access
        self._saturated = saturated
        self.routes: Sequence[Route] = routes(operations)

    async def handle(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return Answer(await self._respond(request))
        except OperationError as error:
            return Answer(json_response(error.status, {"error": str(error)}))
        except StoreError as error:
            # Operators sent a token, but anybody may request the metrics.
            text = str(error) if request.local_path.startswith(_OPERATING) else error.public
            return Answer(json_response(503, {"error": text}, [("Retry-After", "5")]))

    async def _respond(self, request: Request) -> Response:
        path = request.local_path
        if path == "/health":
            return json_response(200, {"status": "ok"})
        if path == "/ready":
            return await self._readiness_response()
        if path == "/metrics":
            return _text(await self._scraping.text())
        if not path.startswith(_OPERATING):
            raise OperationError(404, "There is nothing here.")
        refusal = self._access.refusal(request)
        if refusal is not None:
            return json_response(refusal.status, {"error": refusal.reason}, refusal.headers.items())
        return await self._operate(request, path)

    async def _operate(self, request: Request, path: str) -> Response:
        if path == openapi.PATH and request.method == "GET":
            return json_response(200, openapi.document(self.routes))
        allowed: list[str] = [] if path != openapi.PATH else ["GET"]
        for route in self.routes:
            in_path = route.match(path)
            if in_path is not None:
                allowed.append(route.method)
                if route.method == request.method:
                    return json_response(200, self._told(await route.operation(_parameters(route, request, in_path))))
        if not allowed:
            raise OperationError(404, "There is nothing here.")
        error = {"error": "This method is not allowed here."}
        return json_response(405, error, [("Allow", ", ".join(allowed))])

    def _told(self, answer: object) -> object:
        """Add to an answer that it may lack what another process of the hub knows, if so."""
        if self._is_complete() or not isinstance(answer, dict):
            return answer
        return {**answer, "partial": True}

    async def is_ready(self) -> bool:
        """Return whether the hub accepts requests and can store them."""
        return not self._saturated() and await self._readiness.is_ready()

    async def _readiness_response(self) -> Response:
        # Anybody may ask, so only the log has the reason.
        if await self.is_ready():
            return json_response(200, {"status": "ready"})
        return json_response(503, {"status": "not ready"}, [("Retry-After", "5")])


def _text(metrics: bytes) -> Response:
    headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]
    return Response(status=200, headers=headers, body=metrics)


def json_response(status: int, value: object, further: Iterable[tuple[str, str]] = ()) -> Response:
    """Return a response of the admin API."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *further]
    if status == 401:  # noqa: PLR2004 - the only status with its own header
        headers.append(("WWW-Authenticate", 'Bearer realm="websubhub admin"'))
    return Response(status=status, headers=headers, body=json.dumps(value).encode() + b"\n")


def _parameters(route: Route, request: Request, in_path: dict[str, str]) -> dict[str, Any]:
    given = _query(request) if request.method == "GET" else _body(request)
    for name in in_path:
        if name in given:
            raise OperationError(400, f"{name} is already part of the path.")
    parameters = {**given, **in_path}
    route.check(parameters)
    return parameters


def _query(request: Request) -> dict[str, Any]:
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=_PARAMETERS_LIMIT)
    except ValueError:
        raise OperationError(400, f"There are more than {_PARAMETERS_LIMIT} parameters.") from None
    return dict(pairs)


def _body(request: Request) -> dict[str, Any]:
    if len(request.body) > _BODY_LIMIT:
        raise OperationError(413, "The body is too large.")
    try:
        value = json.loads(request.body or b"{}")
        # JSON can escape half a surrogate pair, which neither the database nor a request can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise OperationError(400, "The body must be a JSON object.") from None
    if not isinstance(value, dict):
        raise OperationError(400, "The body must be a JSON object.")
    return value
