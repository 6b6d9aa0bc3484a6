"""Names and addresses in texts: a name of the code that a text mentions exists, and links outside can be followed."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.documents import ROOT
from tests.links import PACKAGES, RESERVED, complaint, outside
from websubhub.testing import InMemoryWeb

MODULES = sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")})
MENTIONED = re.compile(r"`((?:websubhub|websubsub)\.[\w.]*\w)(?:\(.*?\))?`")
#: Files, loggers and distributions that are called like a name.
NO_NAMES = re.compile(
    r".*\.(?:db|py|md|toml|service|json|yml|wal|lock|reserve)|websubhub\.(?:activity|distribution)|websubsub\.activity"
)


def exists(name: str) -> bool:
    """Return whether a dotted name can be imported, or is an attribute of what can be."""
    module, *rest = name.split(".")
    value: object = importlib.import_module(module)
    for part in rest:
        module = f"{module}.{part}"
        try:
            value = getattr(value, part)
        except AttributeError:
            try:
                value = importlib.import_module(module)
            except ImportError:
                return part in getattr(value, "__annotations__", {})
    return True


def mentioned(text: str) -> set[str]:
    return {name for name in MENTIONED.findall(text) if not NO_NAMES.fullmatch(name)}


def test_every_name_that_a_docstring_mentions_exists() -> None:
    wrong = []
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names = mentioned((ast.get_docstring(node) or "").replace("``", "`"))
                wrong += [f"{module.relative_to(ROOT)}: {name}" for name in names if not exists(name)]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_name_that_a_page_mentions_exists(page: Path) -> None:
    assert [name for name in mentioned(page.read_text()) if not exists(name)] == []


def test_a_name_that_is_gone_is_found() -> None:
    assert mentioned("a `websubhub.HubServices` and `websubhub.db`") == {"websubhub.HubServices"}
    assert not exists("websubhub.HubServices")
    assert exists("websubhub.HubClient.notify_content_distribution")


def test_the_links_to_follow_are_found() -> None:
    found = outside()
    assert "https://www.w3.org/TR/websub/" in found
    assert [link for link in found if RESERVED.match(link)] == []
    assert RESERVED.match("https://hub.example.com/hub")
    assert RESERVED.match("http://127.0.0.1:8080/")
    assert not RESERVED.match("https://example.com.evil.org/")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("https://there.org/page#part", None),
        ("https://there.org/page#gone", "has no such anchor"),
        ("https://there.org/nowhere", "answered 404"),
        ("https://down.org/", "ConnectError no such host in this web"),
    ],
)
def test_a_link_that_leads_nowhere_is_told(link: str, said: str | None) -> None:
    async def page(scope: Any, _: object, send: Any) -> None:
        status = 200 if scope["path"] == "/page" else 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b'<h2 id="part">Part</h2>'})

    async def follow() -> str | None:
        web = InMemoryWeb()
        web["there.org"] = page
        async with httpx.AsyncClient(transport=web) as client:
            return await complaint(client, link)

    assert anyio.run(follow) == said
