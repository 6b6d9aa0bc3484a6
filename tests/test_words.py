"""The words of the code: one meaning each, written in plain English, and explained in the glossary."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("_websub", "websubhub", "websubsub")
GLOSSARY = (ROOT / "docs/reference/glossary.md").read_text()
SECTIONS_OF_THE_CODE = ("The framework", "Limits", "The delivery engine", "The ready-made hub")

# Forms that are not English, or that say in a riddle what a verb says: "Return whether ...", "Free ...", "Keep ...".
UNENGLISH = {
    "a tail instead of 'Return whether'": r"; whether\b",
    "'again', or 'from the start'": r"\banew\b",
    "'while'": r"\bin the midst\b",
    "'is not'": r"(?<!there )\b(?:is|are) none to\b|\b(?:if|when|where|that) (?:it )?is none\b",
    "'of the ones that', or a noun": r"\bof those that\b",
    "'optionally', 'exceeds a limit'": r"\bby wish\b|\bbeyond (?:all )?measure\b",
    "'Free', 'Return' or 'Release'": r"\b[Gg]ive (?:\w+ ){1,4}back\b|\bgiv(?:es?|en) back\b|\blets? go of\b",
    "'lower case' and 'upper case'": r"\b(?:small|capital) letters\b",
    "'with all of its settings'": r"\bused whole\b",
    "'get', 'receive' or 'read'": r"\bcan be had\b",
}
# How no docstring begins.
UNENGLISH_START = r"(?:Who|Whom|Whose|What|Let)\b"

# Names that had a second meaning or none that can be guessed, and what is said now.
GONE = {
    "BeyondMeasureError": "FeedTooLargeError",
    "Explored": "DiscoveryResult",
    "Reached": "GuardedResponse",
    "Sight": "Seen",
    "Wiring": "Shared",
    "Exchanges": "Driver",
    "Assignment": "Assigner",
    "Outbox": "SendBatch",
    "CALLED": "ADMITTED",
    "EARLY": "RETRY_EARLY",
    "FLYING": "IN_FLIGHT",
    "PARKED": "BLOCKED_BY_HOST",
    "_EngineRoom": "_Running",
    "_bell": "_wakeup_receive",
    "_rope": "_wakeup_send",
    "_patient": "_awaiting_connection",
    "_starved": "awaiting_room",
    "anew": "may_restart",
    "count_up": "note_waiting",
    "heed": "respect_retry_after",
    "look_again": "recheck",
    "serve_patient": "retry_awaiting",
}

# Class names that two parts share, and why.
SHARED_NAMES = {
    "PublisherClient": "the same client, for code without an event loop",
    "DiscoveryClient": "the same client, for code without an event loop",
    "SubscriptionClient": "the same client, for code without an event loop",
    "Acknowledgement": "a hub's and a subscriber's, as in Ballerina",
    "Connection": "one that a server accepted, and one that the delivery engine made",
    "ContentDistributionMessage": "what a hub sends and what a subscriber receives, as in Ballerina",
    "Delivery": "what the engine sends, and what the broker hands out to be sent",
    "Dispatcher": "a hub's and a subscriber's",
    "Flow": "of bytes on a connection, and of a request through the hooks",
    "MemoryStore": "a hub's and a subscriber's",
    "Mode": "of a request on the wire, and of one that a hub keeps",
    "Parameter": "of a form of the protocol, and of a route of the admin API",
    "Route": "of a delivery to its server, and of the admin API",
    "Shared": "by the connections of a server, and by the parts of a delivery engine",
    "State": "of the store in memory, and of a subscriber's subscription",
    "Subscription": "a request to a hub, and what a subscriber keeps of it",
    "SubscriptionDeletedError": "a hub's and a subscriber's, as in Ballerina",
    "Turns": "of clients at the server, and of topics in the schedule",
}


@attrs.frozen
class Text:
    """A docstring or a comment.

    Attributes:
        path: Its module.
        line: Where it begins.
        text: What it says.
        is_docstring: Whether it is a docstring.
        is_of_method: Whether it is the docstring of a function that is not a property.
    """

    path: Path
    line: int
    text: str
    is_docstring: bool = False
    is_of_method: bool = False

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text.splitlines()[0]}"


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def is_property(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", ())
    return any("property" in ast.unparse(each) for each in decorators)


def docstrings(path: Path) -> Iterator[Text]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                is_method = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node)
                yield Text(path, node.body[0].lineno, text, is_docstring=True, is_of_method=is_method)


def comments(path: Path) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield Text(path, token.start[0], token.string.lstrip("#: "))


@cache
def texts() -> tuple[Text, ...]:
    return tuple(text for path in modules() for text in (*docstrings(path), *comments(path)))


@cache
def names() -> frozenset[str]:
    """Return every name of a module, class, function, attribute, argument or variable."""
    found: set[str] = set()
    for path in modules():
        found |= {path.stem, path.parent.name}
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
    return frozenset(found)


@cache
def words_of(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name))


def glossary(sections: tuple[str, ...] = ()) -> list[str]:
    """Return the words that the glossary explains, in these sections or all."""
    words = []
    for part in GLOSSARY.split("\n## ")[1:]:
        if not sections or part.splitlines()[0] in sections:
            words += re.findall(r"^- \*\*([^*]+)\*\*", part, re.MULTILINE)
    return words


@pytest.mark.parametrize("form", UNENGLISH)
def test_no_docstring_and_no_comment_reads_as_if_translated(form: str) -> None:
    pattern = re.compile(UNENGLISH[form])
    assert [str(text) for text in texts() if pattern.search(text.text)] == [], form


def test_no_docstring_begins_with_a_riddle() -> None:
    start = re.compile(UNENGLISH_START)
    assert [str(text) for text in texts() if text.is_docstring and start.match(text.text)] == []


def test_a_function_says_that_it_returns_whether_something_is_so() -> None:
    assert [str(text) for text in texts() if text.is_of_method and text.text.startswith("Whether ")] == []


def test_names_that_had_two_meanings_do_not_come_back() -> None:
    assert sorted(names() & GONE.keys()) == []
    assert sorted(set(GONE.values()) - names()) == []


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name for name, paths in places.items() if len(paths) > 1} == SHARED_NAMES.keys()


def test_a_package_logs_under_its_own_name() -> None:
    made = [line for path in modules() for line in path.read_text().splitlines() if "= logging.getLogger(" in line]
    names = r"websub(?:\.server)?|websubhub(?:\.distribution|\.activity)?|websubsub(?:\.activity)?"
    own = re.compile(rf'(?:log(?:: logging\.Logger)?|activity) = logging\.getLogger\("(?:{names})"\)')
    strange = [line for line in made if not own.fullmatch(line) and "root" not in line]
    assert strange == ['        self.errorlog = logging.getLogger("websub.server")']


@pytest.mark.parametrize("word", glossary(SECTIONS_OF_THE_CODE))
def test_a_word_of_the_glossary_is_a_name_in_the_code(word: str) -> None:
    parts = words_of(word)
    spelled = {parts, (*parts[:-1], f"{parts[-1]}s")}
    assert any(
        found[start : start + len(parts)] in spelled
        for found in map(words_of, names())
        for start in range(len(found) - len(parts) + 1)
    )


def test_the_glossary_explains_a_word_once() -> None:
    assert len(glossary()) == len({word.lower() for word in glossary()}) >= 60
    assert re.findall(r"^- (?!\*\*[^*]+\*\*.*: .+\.$).*$", GLOSSARY, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("text", "is_english"),
    [
        ("Take a slot; whether there was one.", False),
        ("Return whether there was a slot.", True),
        ("Give the slot back.", False),
        ("Free the slot.", True),
        ("A lease that is none to renew.", False),
        ("Its name in small letters.", False),
    ],
)
def test_a_translated_form_is_found(text: str, is_english: bool) -> None:  # noqa: FBT001
    assert any(re.search(pattern, text) for pattern in UNENGLISH.values()) is not is_english
