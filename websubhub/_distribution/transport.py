"""The same connections for those who speak httpx."""

from collections.abc import AsyncGenerator

import httpx

from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome

_ERRORS: dict[DeliveryFailure, type[httpx.TransportError]] = {
    DeliveryFailure.INVALID_REQUEST: httpx.LocalProtocolError,
    DeliveryFailure.UNRESOLVED_NAME: httpx.ConnectError,
    DeliveryFailure.REFUSED_ADDRESS: httpx.ConnectError,
    DeliveryFailure.CONNECT: httpx.ConnectError,
    DeliveryFailure.CONNECT_TIMEOUT: httpx.ConnectTimeout,
    DeliveryFailure.TLS: httpx.ConnectError,
    DeliveryFailure.TIMEOUT: httpx.ReadTimeout,
    DeliveryFailure.RESET: httpx.ReadError,
    DeliveryFailure.MALFORMED_ANSWER: httpx.RemoteProtocolError,
    DeliveryFailure.TOO_LARGE: httpx.RemoteProtocolError,
}
_BODY_LIMIT = 16 * 1024 * 1024


class DistributionTransport(httpx.AsyncBaseTransport):
    """Lets an ``httpx.AsyncClient`` use a delivery engine, with its limits, its address policy and its speed.

    Requests are sent once their body is complete, and responses are returned once theirs is. The timeouts of httpx are
    for single steps; here ``connect`` is for the connection, and the sum of ``connect``, ``write`` and ``read`` for the
    whole exchange.

    Args:
        engine: The engine to use; it is closed with the transport.
        request_bytes: How large the body of a request may be.
        answer_bytes: How large the body of a response may be.
    """

    def __init__(
        self,
        engine: DeliveryEngine,
        *,
        request_bytes: int = _BODY_LIMIT,
        answer_bytes: int = _BODY_LIMIT,
    ) -> None:
        self._engine = engine
        self._request_bytes = request_bytes
        self._answer_bytes = answer_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; redirects are not followed.

        Raises:
            httpx.TransportError: There was no complete answer, or the request is one that cannot be sent.
        """
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol("The URL must start with http:// or https://.", request=request)
        timeout = request.extensions.get("timeout", {})
        content = SharedContent(
            method=request.method,
            body=await self._read_body(request),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
            kept_body_bytes=self._answer_bytes,
            connect_seconds=timeout.get("connect"),
            total_seconds=_total_seconds(timeout),
        )
        outcome = await self._engine.request(Delivery(callback=_url_of(request), content=content))
        return _response(outcome, request)

    async def _read_body(self, request: httpx.Request) -> bytes:
        body = bytearray()
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous client gives no other
        parts = aiter(request.stream)
        try:
            async for part in parts:
                body += part
                if len(body) > self._request_bytes:
                    raise httpx.LocalProtocolError("The body of the request is too large.", request=request)
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
        return bytes(body)

    async def aclose(self) -> None:
        """Close the engine."""
        await self._engine.aclose()


def _total_seconds(timeout: dict[str, float | None]) -> float | None:
    steps = [timeout.get(step) for step in ("connect", "write", "read")]
    given = [seconds for seconds in steps if seconds is not None]
    return sum(given) if len(given) == len(steps) else None


def _url_of(request: httpx.Request) -> str:
    url = request.url
    host = url.raw_host.decode("ascii")
    literal = f"[{host}]" if ":" in host else host
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{literal}{port}{url.raw_path.decode('ascii')}"


def _response(outcome: DeliveryOutcome, request: httpx.Request) -> httpx.Response:
    failure = outcome.failure or outcome.body_failure
    if failure is not None:
        raise _ERRORS[failure](outcome.detail, request=request)
    return httpx.Response(
        outcome.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in outcome.headers],
        stream=httpx.ByteStream(outcome.body),
        extensions={"http_version": b"HTTP/1.1"},
        request=request,
    )
