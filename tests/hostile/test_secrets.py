"""What must not be guessed is made and compared so that it cannot be."""

import ast
import hmac
from pathlib import Path

import pytest

from _websub.grammar.signature import SignatureError, sign, verify
from _websub.http import Headers
from websubhub.standalone.tokens import Tokens

ROOT = Path(__file__).parent.parent.parent
SECRET = "a secret of the tests"


@pytest.mark.threat("CH-2")
def test_no_chance_can_be_computed() -> None:
    """Nor is that of the program touched: one that has seeded ``random`` keeps its numbers."""
    modules = [path for package in ("_websub", "websubhub", "websubsub") for path in ROOT.glob(f"{package}/**/*.py")]
    imports = {
        module.relative_to(ROOT).as_posix(): {
            name for node in ast.walk(ast.parse(module.read_text())) for name in _names(node)
        }
        for module in modules
    }
    assert not [module for module, names in imports.items() if "random" in names]
    assert "secrets" in imports["websubhub/_dispatch/dispatcher.py"], "challenges"
    assert "secrets" in imports["websubsub/_state/subscriptions.py"], "callbacks"
    assert "secrets" in imports["websubsub/_lifecycle/asking.py"], "secrets"


def _imports(module: ast.Module) -> set[str]:
    return {name for node in ast.walk(module) for name in _names(node)}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.threat("SIG-10")
@pytest.mark.parametrize("matching", [0, 1, 63, 64])
def test_signatures_and_tokens_are_compared_in_constant_time(matching: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compare, compared = hmac.compare_digest, list[tuple[int, int]]()

    def watched(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    right = sign("sha256", SECRET, b"body")
    shown = right[: 7 + matching] + "".join("0" if each != "0" else "1" for each in right[7 + matching :])
    secrets = (SECRET, "another", "a third")
    if matching == 64:
        verify([shown], secrets, b"body")
    else:
        with pytest.raises(SignatureError, match="does not match"):
            verify([shown], secrets, b"body")
    assert compared == [(71, 71)] * 3, "all of them, whichever it was"
    compared.clear()
    tokens = Tokens(("token-of-one", "token-of-another"), "admin")
    allowed = tokens.refusal(Headers([("Authorization", "Bearer token-of-one"[: 7 + matching])])) is None
    assert allowed is (matching >= 12)
    assert compared == [(32, 32)] * 2, "by their hashes, so that their lengths tell nothing"
