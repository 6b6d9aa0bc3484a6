"""The dashboard application: it answers a browser's requests with pages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from websubhub import Answer, Request, Response
from websubhub.standalone.admin.dashboard.access.entrance import Entrance
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.access.sessions import Session
from websubhub.standalone.admin.dashboard.headers import redirect
from websubhub.standalone.admin.dashboard.live import LiveTail
from websubhub.standalone.admin.dashboard.questions import Action
from websubhub.standalone.admin.dashboard.showing import Showing
from websubhub.standalone.admin.dashboard.static_files import static_response
from websubhub.standalone.admin.dashboard.visits import Page, View, Visit, address
from websubhub.standalone.admin.parameters import OperationError
from websubhub.standalone.ports import StoreError

_FORM_LIMIT = 65_536
#: The pages that take a form but change nothing.
_FORMS = ("/find", "/doctor")
_MOST_FIELDS = 1_200
_QUESTIONS = "/do/"
_OTHER_PATHS = ("/do", "/shared", "/sign-in", "/sign-out", "/static")


class Dashboard:
    """Answers the requests of browsers.

    Args:
        pages: The pages by path, for users who have signed in.
        shared: The page of shared links, for everybody who has a link.
        actions: What operators can do, by name.
        entrance: Decides who may enter.
        references: The references in addresses.
        showing: Turns views into pages.
        live: The live tail.

    Attributes:
        live: The live tail.
    """

    def __init__(
        self,
        pages: Mapping[str, Page],
        shared: Callable[[Request], Awaitable[View]],
        actions: Mapping[str, Action],
        *,
        entrance: Entrance,
        references: References,
        showing: Showing,
        live: LiveTail,
    ) -> None:
        self._pages = pages
        self._shared = shared
        self._actions = actions
        self._entrance = entrance
        self._references = references
        self._showing = showing
        self.live = live

    @property
    def paths(self) -> list[str]:
        """The paths of its pages, except the root."""
        return [*(path for path in self._pages if path != "/"), *_OTHER_PATHS]

    async def handle(self, request: Request) -> Answer:
        """Answer a request."""
        session = None
        try:
            session = self._entrance.session(request)
            return Answer(await self._respond(request, session))
        except OperationError as error:
            return Answer(self._apology(error.status, str(error), request, session))
        except StoreError as error:
            reason = error.public if session is None else str(error)
            return Answer(self._apology(503, reason, request, session))

    def _apology(self, status: int, reason: str, request: Request, session: Session | None) -> Response:
        values = {"title": _TITLES.get(status, "This did not work"), "reason": reason}
        return self._showing.response(View(template="error.html", values=values, status=status), request, session)

    async def _respond(self, request: Request, session: Session | None) -> Response:
        path = request.local_path or "/"
        if request.method not in {"GET", "HEAD", "POST"}:
            raise OperationError(405, "This method is not allowed.")
        if path.startswith("/static/"):
            return static_response(path) or _nothing()
        if path == "/shared":
            return self._showing.response(await self._shared(request), request, None)
        if path == "/sign-in":
            return self._sign_in(request)
        if session is None:
            return self._unknown(request, path)
        visit = Visit(request=request, session=session, pairs=_pairs(request))
        response = await (self._change(visit, path) if request.method == "POST" else self._look(visit, path))
        return self._with_cookie(response, request, session)

    async def _look(self, visit: Visit, path: str) -> Response:
        if path.startswith(_QUESTIONS):
            self._check_role(visit.session)
            question = await self._action(path).ask(visit)
            name = path.removeprefix(_QUESTIONS)
            values = {"question": question, "name": name, "back": question.back or _page_before(visit.request)}
            return self._showing.response(View(template="question.html", values=values), visit.request, visit.session)
        page = self._pages.get(path)
        if page is None:
            _nothing()
        shown = await page(visit)
        if isinstance(shown, Response):
            return shown
        return self._showing.response(shown, visit.request, visit.session, notice=self._notice(visit))

    async def _change(self, visit: Visit, path: str) -> Response:
        self._check_form(visit)
        if path == "/sign-out":
            self._entrance.sessions.end(visit.session)
            return redirect(address(visit.request.mount, "/sign-in"))
        if path in _FORMS:
            return await self._look(visit, path)
        if not path.startswith(_QUESTIONS):
            raise OperationError(405, "This page does not accept forms.")
        self._check_role(visit.session)
        said = await self._action(path).do(visit)
        if isinstance(said, Response):
            return said
        back = _own_path(visit.field("back"), visit.request.mount)
        joint = "&" if "?" in back else "?"
        return redirect(f"{back}{joint}notice={self._references.to_notice(said)}")

    def _action(self, path: str) -> Action:
        action = self._actions.get(path.removeprefix(_QUESTIONS))
        if action is None:
            _nothing()
        return action

    def _check_form(self, visit: Visit) -> None:
        if not self._entrance.is_own_form(visit.request):
            raise OperationError(403, "This form did not come from a page of this hub.")
        if not self._entrance.sessions.is_form_token(visit.session, visit.field("form_token")):
            raise OperationError(403, "This form has expired. Go back, reload the page, and try again.")

    def _check_role(self, session: Session) -> None:
        if not session.may_operate:
            raise OperationError(403, "The viewer token is read-only. Sign in with the admin token to make changes.")

    def _sign_in(self, request: Request) -> Response:
        fields = dict(_pairs(request))
        after = _own_path(fields.get("next", ""), request.mount)
        refusal, status = "", 200
        if request.method == "POST":
            if not self._entrance.is_own_form(request):
                raise OperationError(403, "This form did not come from a page of this hub.")
            session = self._entrance.sign_in(fields.get("token", ""))
            if isinstance(session, Session):
                return _adding(redirect(after), self._entrance.sessions.cookie(session, request.mount))
            refusal, status = f"{session.reason[:1].upper()}{session.reason[1:]}.", session.status
        values = {"next": after, "refusal": refusal, "can_sign_in": self._entrance.needs_token}
        return self._showing.response(View(template="sign_in.html", values=values, status=status), request, None)

    def _unknown(self, request: Request, path: str) -> Response:
        """Redirect a user to the sign-in form."""
        sites = request.headers.get("sec-fetch-site", "")
        if request.method != "POST" and sites == "cross-site":
            # The browser omits the strict cookie when it follows a link from another site. Its next request is ours.
            return self._showing.again(request)
        back = path + (f"?{request.query}" if request.query else "")
        asked = "" if path == "/" or request.method == "POST" else request.mount + back
        return redirect(address(request.mount, "/sign-in", next=asked))

    def _with_cookie(self, response: Response, request: Request, session: Session) -> Response:
        sessions = self._entrance.sessions
        if request.local_path == "/sign-out":
            return _adding(response, sessions.no_cookie(request.mount))
        if session.is_local and sessions.read(request.headers) is None:
            return _adding(response, sessions.cookie(session, request.mount))
        renewed = sessions.renewed(session)
        return response if renewed is None else _adding(response, sessions.cookie(renewed, request.mount))

    def _notice(self, visit: Visit) -> str:
        return self._references.notice(visit.field("notice"))


_TITLES = {403: "Not allowed", 404: "Not found", 503: "Not available"}


def _nothing() -> NoReturn:
    raise OperationError(404, "There is no such page.")


def _adding(response: Response, cookie: str) -> Response:
    pairs = [*response.headers.pairs, ("Set-Cookie", cookie)]
    return Response(status=response.status, headers=pairs, body=response.body)


def _pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """Return the fields of a form or a query."""
    text = request.query
    if request.method == "POST":
        if len(request.body) > _FORM_LIMIT:
            raise OperationError(413, "The form is too large.")
        text = request.body.decode("utf-8", "replace")
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise OperationError(400, "The form has too many fields.") from None


def _page_before(request: Request) -> str:
    """Return the address of the page where a question was asked."""
    before = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    parts = urlsplit(before)
    return _own_path(parts.path + (f"?{parts.query}" if parts.query else ""), request.mount)


def _own_path(text: str, mount: str) -> str:
    """Return the text if it is an address of this dashboard, else the address of its overview."""
    own = text.startswith(f"{mount}/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if own else f"{mount}/"
