"""The page of a hub's answers. It sends requests to a hub in memory and records the answers."""

from docs.generate import cases
from docs.generate.asking import ask_hub
from docs.generate.sections import table

_HEAD = """# Answers of a hub

This page shows what goes over the wire, request by request.
The answers are real: each request was sent to a hub.
A body with `hub.mode` is a form, `application/x-www-form-urlencoded`, whose values are percent-encoded.
Every other body is `text/plain`, one sentence."""
_SHOWN = ("Allow", "Location", "Retry-After", "WWW-Authenticate")


def page() -> list[str]:
    """Return the page as lines."""
    lines = _HEAD.split("\n")
    for title, text, answers in cases.IMMEDIATE:
        rows = [_immediate(case) for case in answers]
        lines += ["", f"## {title}", "", text, *table(("Request", "Status", "Headers", "Body"), rows)]
    for title, text, endings in cases.FOLLOWING:
        rows = [_following(case) for case in endings]
        lines += ["", f"## {title}", "", text, *table(("What happens", "The callback gets"), rows)]
    return lines


def _immediate(case: cases.Case) -> tuple[str, ...]:
    response = ask_hub(case.ask, case.script, case.config).response
    headers = "<br>".join(f"`{name}: {response.headers[name]}`" for name in _SHOWN if name in response.headers)
    return case.text, f"{response.status_code}", headers, _code(response.text)


def _following(case: cases.Case) -> tuple[str, ...]:
    told = ask_hub(case.ask, case.script, case.config, case.subscriber())
    return case.text, "<br>".join(f"`{_query(url)}`" for url in told.asked) or "nothing"


def _code(text: str) -> str:
    if not text:
        return "empty"
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _query(url: str) -> str:
    """Return the part that was added to the callback."""
    return f"GET ...{url.removeprefix('https://subscriber.example/callback?id=7')}"
