"""The search at the top of every page: a callback, a topic, a host or a message id."""

from typing import Any, cast

from websubhub import Response
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.headers import redirect
from websubhub.standalone.admin.dashboard.visits import View, Visit, address
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError


class Finding:
    """Finds what the user pasted. The search is sent as a form, so that no address shows a callback.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._references = references

    async def find(self, visit: Visit) -> View | Response:
        """Redirect to what was found, or show that nothing was found."""
        text = visit.field("text")
        for look in (self._subscription, self._topic, self._message, self._host):
            if text and (found := await look(text, visit.request.mount)):
                return redirect(found)
        return View(template="find.html", values={"text": text, "is_url": "://" in text}, status=404 if text else 200)

    async def _subscription(self, text: str, mount: str) -> str:
        if "://" not in text:
            return ""
        found = await self._rows(self._operations.subscriptions.page, "subscriptions", callback=text)
        if len(found) == 1:
            reference = self._references.to_subscription(found[0]["topic"], found[0]["callback"])
            return address(mount, "/subscription", ref=reference)
        return address(mount, "/subscriptions", callback=self._references.to_callback(text)) if found else ""

    async def _topic(self, text: str, mount: str) -> str:
        if "://" not in text:
            return ""
        try:
            await self._operations.topics.one({"url": text})
        except OperationError:
            return ""
        return address(mount, "/topic", url=text)

    async def _message(self, text: str, mount: str) -> str:
        if "://" in text:
            return ""
        found = await self._rows(self._operations.messages.page, "messages", id=text)
        if len(found) == 1:
            return address(mount, "/message", id=text, topic=found[0]["topic"])
        return address(mount, "/messages", id=text) if found else ""

    async def _host(self, text: str, mount: str) -> str:
        if "://" in text:
            return ""
        for operation, name in (
            (self._operations.hosts.page, "hosts"),
            (self._operations.subscriptions.page, "subscriptions"),
        ):
            if found := await self._rows(operation, name, host=text):
                return address(mount, "/host", name=found[0]["host"])
        return ""

    async def _rows(self, operation: Any, name: str, **parameters: Any) -> list[dict[str, Any]]:
        try:
            found = await operation({"limit": 2, **parameters})
        except OperationError:
            return []  # the text is something else
        return cast("list[dict[str, Any]]", found[name])
