"""The admin API operation that examines the running hub."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio

from websubhub import TopicClient
from websubhub.standalone.admin.diagnosis import Finding, Mark, challenge, look_at_topic, reach
from websubhub.standalone.admin.overview import About
from websubhub.standalone.admin.parameters import OperationError, read_text, read_url
from websubhub.standalone.cautions import cautions
from websubhub.standalone.measuring.disk import disk_of
from websubhub.standalone.ports import HubStore, StoreError
from websubhub.standalone.stores import shown_store

_SECONDS = 10.0
_LITTLE_SPACE = 256 * 1_048_576
_MIB = 1_048_576
_WORDS = {Mark.OK: "ok", Mark.NOTE: "note", Mark.FAIL: "fail"}

Check = Callable[[], Awaitable[Finding]]


class DoctorOperations:
    """Examines the hub, and a topic and a callback on request. Only one examination runs at a time.

    Args:
        store: The store.
        about: The facts about the hub since its start.
    """

    def __init__(self, store: HubStore, about: About) -> None:
        self._store = store
        self._about = about
        self._busy = anyio.Lock()

    async def examine(self, parameters: dict[str, Any]) -> object:
        """Check the store, the public URL, and a topic and a callback if given, each within ten seconds."""
        topic, callback = (
            read_url(parameters, name) if read_text(parameters, name) else None for name in ("topic", "callback")
        )
        try:
            self._busy.acquire_nowait()
        except anyio.WouldBlock:
            raise OperationError(409, "An examination is already running. Try again in a moment.") from None
        try:
            findings = [finding async for finding in self._findings(topic, callback)]
        finally:
            self._busy.release()
        return {
            "works": all(mark is not Mark.FAIL for mark, _ in findings),
            "findings": [{"mark": _WORDS[mark], "text": f"{text[:1].upper()}{text[1:]}."} for mark, text in findings],
        }

    async def _findings(self, topic: str | None, callback: str | None) -> AsyncIterator[Finding]:
        settings, hub = self._about.settings, self._about.url
        yield await _within("the store", self._check_store)
        yield self._space()
        async with TopicClient(hub, allow_networks=settings.allow_network) as client:
            yield await _within("the hub's public URL", lambda: reach(client, hub, "the hub's public URL"))
            if topic is not None:
                required = settings.validate_topics
                yield await _within("the topic", lambda: look_at_topic(client, topic, hub, required=required))
            if callback is not None:
                reached = await _within("the callback", lambda: reach(client, callback, "the callback"))
                yield reached
                if reached[0] is not Mark.FAIL:
                    yield await _within("the callback", lambda: challenge(settings, hub, callback, topic or hub))
        for caution in cautions(settings, hub):
            yield Mark.NOTE, caution.rstrip(".")

    async def _check_store(self) -> Finding:
        name = shown_store(self._about.settings.store)
        try:
            await self._store.check_writable()
        except StoreError as error:
            return Mark.FAIL, f"the store {name} cannot be written to: {str(error).rstrip('.')}"
        return Mark.OK, f"the store {name} can be read and written to"

    def _space(self) -> Finding:
        disk = disk_of(self._about.settings.store)
        if disk is None:
            return Mark.OK, "the store does not use a disk on this machine"
        free, used = disk["free_bytes"], disk["store_bytes"]
        mark = Mark.OK if free >= _LITTLE_SPACE else Mark.FAIL if free < _LITTLE_SPACE // 8 else Mark.NOTE
        return mark, f"the store uses {used // _MIB:,} MiB, and its disk has {free // _MIB:,} MiB free"


async def _within(name: str, check: Check) -> Finding:
    """Return the finding of a check, or a failure if it took too long."""
    with anyio.move_on_after(_SECONDS):
        return await check()
    return Mark.FAIL, f"{name} did not respond within {_SECONDS:g} seconds"
