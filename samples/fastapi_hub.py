"""A FastAPI application that publishes its own news through a mounted hub.

``GET /news`` is a topic, and advertises its hub in the Link header. ``POST /news`` changes the topic, and every
subscriber gets the new version. Needs FastAPI and uvicorn: ``pip install websubhub fastapi uvicorn``.

    python samples/fastapi_hub.py --port 8000
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI
from in_memory_hub import InMemoryHub, in_memory_hub

from websubhub import Advertiser, HubConfig, MessageType, TopicRegistration, UpdateMessage, asgi

News = list[str]


def create_app(base: str) -> FastAPI:
    """Create the application.

    Args:
        base: The public URL of the application, without a trailing slash.
    """
    url = f"{base}/websub/hub"
    topic = f"{base}/news"
    news: News = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with in_memory_hub(url) as service:
            await service.on_register_topic(TopicRegistration(topic=topic))
            # FastAPI does not pass the lifespan on to mounted applications.
            async with asgi(service, HubConfig(url=url)) as hub:
                app.state.hub = service
                app.mount("/websub", hub)
                yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/news")
    async def read() -> News:
        return news

    @app.post("/news", status_code=202)
    async def write(item: Annotated[str, Body(embed=True)]) -> None:
        news.append(item)
        hub: InMemoryHub = app.state.hub
        await hub.on_update_message(UpdateMessage(topic=topic, type=MessageType.EVENT))

    app.add_middleware(Advertiser, hubs=[url], topic=lambda path: topic if path.partition("?")[0] == "/news" else None)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A hub inside a FastAPI application.")
    parser.add_argument("--port", type=int, default=8000, help="the port to serve at")
    port = parser.parse_args().port
    uvicorn.run(create_app(f"http://127.0.0.1:{port}"), host="127.0.0.1", port=port, log_level="warning")
