"""The checks of ``websubhub doctor``. Each prints one line."""

from collections.abc import AsyncIterator
from typing import TextIO

from websubhub import TopicClient, UrlError, check_url
from websubhub.standalone.admin.diagnosis import Finding, Mark, challenge, look_at_topic, reach
from websubhub.standalone.backends import examine_store
from websubhub.standalone.ports import StoreError, StoreLockedError
from websubhub.standalone.settings import Settings, SettingsError


async def examine(settings: Settings, *, callback: str | None, topic: str | None, out: TextIO) -> list[bool]:
    """Check the store, the public URL, and optionally a callback and a topic.

    Args:
        settings: The hub's settings.
        callback: A callback to check.
        topic: A topic to fetch.
        out: The stream to print to.

    Returns:
        The result of each check: False if something does not work.
    """
    for name, url in (("--callback", callback), ("--topic", topic)):
        if url is not None:
            try:
                check_url(url, name)
            except UrlError as error:
                raise SettingsError(str(error)) from None
    verdicts = []
    async for verdict, sentence in _findings(settings, callback, topic):
        print(f"{verdict} {sentence}", file=out, flush=True)
        verdicts.append(verdict is not Mark.FAIL)
    return verdicts


async def _findings(settings: Settings, callback: str | None, topic: str | None) -> AsyncIterator[Finding]:
    hub = settings.url_at(_base(settings))
    yield await _store(settings)
    async with TopicClient(hub, allow_networks=settings.allow_network) as client:
        yield await reach(client, hub, "the hub's public URL")
        if topic is not None:
            yield await look_at_topic(client, topic, hub, required=settings.validate_topics)
        if callback is not None:
            reached = await reach(client, callback, "the callback")
            yield reached
            if reached[0] is not Mark.FAIL:
                yield await challenge(settings, hub, callback, topic or hub)


def _base(settings: Settings) -> str:
    if settings.port == 0 and settings.public_url is None:
        raise SettingsError("--port or --public-url must be set: with port 0, the port changes at every start.")
    host = settings.host.strip("[]")
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def _store(settings: Settings) -> Finding:
    try:
        return Mark.OK, await examine_store(settings)
    except StoreLockedError:
        return Mark.OK, "the store is in use by a running hub"
    except StoreError as error:
        return Mark.FAIL, f"the store: {error}"
