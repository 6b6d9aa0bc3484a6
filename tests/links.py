"""Follows the links of the documents to the rest of the web: ``python -m tests.links``.

The suite calls nobody on the internet, so it follows the links inside the project only, and this is a command.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import anyio
import httpx

from tests.documents import ROOT, links

PACKAGES = ("_websub", "websubhub", "websubsub")
#: Hosts that stand for others (RFC 2606), and this machine.
RESERVED = re.compile(
    r"https?://(?:[^/:]*\.)?(?:example(?:\.(?:com|org|net))?|localhost|127\.0\.0\.1|invalid|test)(?=[:/]|$)"
)
_IN_CODE = re.compile(r"https?://[\w.-]+\.(?:org|com|io|net|dev|se)/[\w./#?=&%~-]*\w")
_AT_ONCE = 8
_SECONDS = 30.0


def outside() -> dict[str, list[str]]:
    """Return the links that lead out of the project, and where they stand."""
    found: dict[str, list[str]] = defaultdict(list)
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")):
        for link in links(page.read_text()):
            found[link].append(name_of(page))
    for module in (path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py")):
        for comment in re.findall(r'#.*|"""[\s\S]*?"""', module.read_text()):
            for link in _IN_CODE.findall(comment):
                found[link].append(name_of(module))
    return {link: places for link, places in found.items() if re.match("https?://", link) and not RESERVED.match(link)}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


async def complaint(client: httpx.AsyncClient, link: str) -> str | None:
    """Follow a link, and return what is wrong with it."""
    page, _, anchor = link.partition("#")
    try:
        response = await client.get(page)
    except httpx.HTTPError as error:
        return f"{type(error).__name__} {error}".strip()
    if response.status_code >= httpx.codes.BAD_REQUEST:
        return f"answered {response.status_code}"
    if anchor and not re.search(rf"""\b(?:id|name)=["']?{re.escape(anchor)}["'\s>]""", response.text):
        return "has no such anchor"
    return None


async def main() -> int:
    """Follow all links. Return 1 if one leads nowhere."""
    found = outside()
    wrong: dict[str, str] = {}
    limit = anyio.CapacityLimiter(_AT_ONCE)

    async def follow(link: str) -> None:
        async with limit:
            if said := await complaint(client, link):
                wrong[link] = said

    async with httpx.AsyncClient(follow_redirects=True, timeout=_SECONDS) as client, anyio.create_task_group() as tasks:
        for link in found:
            tasks.start_soon(follow, link)
    for link, said in sorted(wrong.items()):
        print(f"{link}: {said} ({', '.join(found[link])})")  # noqa: T201 - it is a command
    print(f"{len(found)} links, {len(wrong)} of them wrong")  # noqa: T201 - it is a command
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(anyio.run(main))
