"""Turning views into pages, with the parts that all pages share."""

from collections.abc import Callable
from functools import partial
from html import escape

from websubhub import Request, Response
from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.access.sessions import Session, Sessions
from websubhub.standalone.admin.dashboard.headers import page_response
from websubhub.standalone.admin.dashboard.navigation import NAVIGATION
from websubhub.standalone.admin.dashboard.rendering import Rendering
from websubhub.standalone.admin.dashboard.visits import View, address


class Showing:
    """Turns views into responses.

    Args:
        rendering: Renders templates.
        sessions: The sessions, for form tokens.
        references: The references in addresses.
        public_url: The hub's public URL.
        is_complete: Returns whether the store knows all of the hub at present.
    """

    def __init__(
        self,
        rendering: Rendering,
        sessions: Sessions,
        references: References,
        public_url: str,
        is_complete: Callable[[], bool],
    ) -> None:
        self._rendering = rendering
        self._sessions = sessions
        self._references = references
        self._public_url = public_url
        self._is_complete = is_complete

    def response(self, view: View, request: Request, session: Session | None, notice: str = "") -> Response:
        """Return the response with a page, or only with its main part if a script requests it."""
        is_part = "hx-request" in request.headers
        body = self._rendering.text(
            view.template,
            request.mount,
            layout="fragment.html" if is_part else "base.html",
            url=partial(address, request.mount),
            hub=self._public_url,
            hub_host=formats.host(self._public_url),
            session=session,
            form_token=self._sessions.form_token(session) if session else "",
            may_operate=session is not None and session.may_operate,
            navigation=NAVIGATION,
            section=view.section,
            notice=notice,
            # The overview says so among its troubles, which a script renews.
            is_partial=session is not None and view.section != "/" and not self._is_complete(),
            subscription_url=partial(self._subscription_url, request.mount),
            **view.values,
        )
        return page_response(body, view.status)

    def part(self, template: str, mount: str, **values: object) -> bytes:
        """Return a part that a script adds to a page."""
        subscription_url = partial(self._subscription_url, mount)
        return self._rendering.text(
            template, mount, url=partial(address, mount), subscription_url=subscription_url, **values
        )

    def again(self, request: Request) -> Response:
        """Return the response that makes a browser request the page again on its own."""
        query = f"?{request.query}" if request.query else ""
        target = escape(f"{request.path}{query}")
        body = f'<!doctype html><title>Opening</title><meta http-equiv="refresh" content="0;url={target}">'
        return page_response(body.encode())

    def _subscription_url(self, mount: str, topic: str, callback: str) -> str:
        return address(mount, "/subscription", ref=self._references.to_subscription(topic, callback))
