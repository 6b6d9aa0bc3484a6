"""A FastAPI application with a mounted subscriber, which shows what has arrived.

``POST /follow`` subscribes to a page or a feed, ``DELETE /follow`` unsubscribes, and ``GET /news`` shows the latest
deliveries. The callbacks are below ``/websub``. Needs FastAPI and uvicorn: ``pip install websubhub fastapi uvicorn``.

    python samples/fastapi_subscriber.py --port 8000 --public-url https://me.example.com
"""

import argparse
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI, HTTPException

from websubsub import ContentDistributionMessage, SubscriberConfig, SubscriberService, Target, asgi

LATEST = 100
Resource = Annotated[str, Body(embed=True, alias="url")]


class News(SubscriberService):
    """Keeps the latest deliveries."""

    def __init__(self) -> None:
        self.latest: deque[dict[str, str]] = deque(maxlen=LATEST)

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        """Keep a delivery, whose signature has already been checked."""
        text = message.body.decode("utf-8", "replace")
        self.latest.append({"topic": message.topic, "type": message.content_type, "text": text})


def create_app(base: str, state: str = "memory:") -> FastAPI:
    """Create the application.

    Args:
        base: The public URL of the application, without a trailing slash.
        state: Where to keep subscriptions, such as ``sqlite:///subscriptions.db``.
    """
    news = News()
    subscriber = asgi(news, SubscriberConfig(url=f"{base}/websub/", state=state))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # FastAPI does not pass the lifespan on to mounted applications.
        async with subscriber:
            yield

    app = FastAPI(lifespan=lifespan)
    app.mount("/websub", subscriber)

    @app.get("/news")
    async def read() -> list[dict[str, str]]:
        return list(news.latest)

    @app.post("/follow", status_code=202)
    async def follow(resource: Resource) -> None:
        subscriber.subscribe(target_of(resource))

    @app.delete("/follow")
    async def unfollow(resource: Resource) -> bool:
        return await subscriber.unsubscribe(target_of(resource))

    return app


def target_of(url: str) -> Target:
    """Return the target with this URL."""
    try:
        return Target(resource=url)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A subscriber inside a FastAPI application.")
    parser.add_argument("--port", type=int, default=8000, help="the port to serve at")
    parser.add_argument("--public-url", help="the URL at which hubs reach this application (default: this machine)")
    parser.add_argument("--state", default="memory:", help="memory: or sqlite:///FILE (default: memory:)")
    options = parser.parse_args()
    public_url = options.public_url or f"http://127.0.0.1:{options.port}"
    app = create_app(public_url.rstrip("/"), options.state)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")
