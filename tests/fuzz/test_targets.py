"""Every target holds for what it is fed to begin with, for what was found once, and for a little more."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import hanging
from tests.fuzz.findings import Finding, finding_of, smallest
from tests.fuzz.fuzzer import fuzz
from tests.fuzz.mutation import Mutator
from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target, cut, parts_of

_EXAMPLES = 10
#: Inputs that showed a fault once, by target.
FOUND = [
    ("link", b'<http://\xec>;rel="hub'),
    ("content-type", b"n/1 "),
    (
        "admin",
        (
            b"POST /admin/subscriptions/remove\nBearer token\n"
            b'{"topic": "http://a/", "callback": "http://b/", "reason": "\\ud800"}'
        ),
    ),
    ("answer", b"HTTP/1.1 200\nContent-Length:5\nContent-LEngth:5\nA:\n\nhell "),
    ("host", b"\xc3\xbc.xn--n9999999999999999y"),
    ("feed-diff", b'+xml\n<rss m=""><channel><item><guid></guid></item><item/></channel></rss>'),
]


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_holds_for_its_seeds(name: str) -> None:
    target = TARGETS[name]
    for seed in (*target.seeds, b""):
        target.check(seed)


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_once_is_mended(name: str, data: bytes) -> None:
    TARGETS[name].check(data)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=_EXAMPLES)
@given(number=st.integers(0, 2**32))
def test_a_target_holds_for_a_little_more(name: str, number: int) -> None:
    target = TARGETS[name]
    chance = random.Random(number)  # noqa: S311 - to be repeated
    target.check(Mutator(chance, target.dictionary, 512).mutate(chance.choice(target.seeds), target.seeds))


def test_targets_have_names_and_words_that_say_what_holds() -> None:
    for name, target in TARGETS.items():
        assert target.name == name
        assert (target.check.__doc__ or "").strip()
        assert all(len(seed) <= target.limit for seed in target.seeds)


def _trap(data: bytes) -> None:
    if data[:1] == b"a" and data[1:2] == b"b" and b"boom" in data:
        raise RuntimeError("caught")


def _slow(data: bytes) -> None:
    for _ in data:
        for _ in data:
            pass


TRAP = Target("trap", _trap, (b"ab",), (b"boom",))


def test_a_fault_is_found_made_small_and_printed_as_a_test() -> None:
    fuzzed = fuzz(TRAP, 60, seed=1, runs=2_000)
    (finding,) = fuzzed.findings
    assert finding.data == b"aboom"
    assert finding.reason == "RuntimeError: caught"
    assert "assert finding_of(TARGETS['trap'], b'aboom') is None" in finding.as_test()
    compile(finding.as_test(), "found", "exec")


def test_work_that_grows_faster_than_its_input_is_a_finding() -> None:
    target = Target("slow", _slow, (b"a",))
    assert finding_of(target, b"a" * 10) is None
    finding = finding_of(target, b"a" * 1_000)
    assert finding is not None
    assert finding.place == "steps"
    assert len(smallest(finding, target, tries=20).data) < 1_000


def test_what_reaches_something_new_is_kept() -> None:
    target = TARGETS["retry-after"]
    fuzzed = fuzz(target, 60, seed=5, runs=300)
    assert fuzzed.runs == 300
    assert fuzzed.lines >= 20
    assert set(target.seeds[:3]) <= set(fuzzed.corpus)
    assert len(fuzzed.corpus) < 100


def _hanging(_: bytes) -> None:
    while True:
        pass


def test_what_hangs_is_ended_and_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, "HANGS_AFTER_SECONDS", 0.05)
    finding = finding_of(Target("hanging", _hanging, (b"a",)), b"a")
    assert finding is not None
    assert finding.reason == "HangsError: It is worked on without end."


def test_mutations_stay_within_the_limit_differ_and_are_repeated_by_their_seed() -> None:
    once, again = (_mutated(1) for _ in range(2))
    assert once == again != _mutated(2)
    made = set(once)
    assert len(made) > 300
    assert max(map(len, made)) == 100
    assert any(b"word" in data for data in made)
    assert any(b"othe" in data for data in made)


def _mutated(seed: int) -> list[bytes]:
    mutator = Mutator(random.Random(seed), (b"word",), 100)  # noqa: S311 - to be repeated
    return [mutator.mutate(b"0123456789", [b"other"]) for _ in range(500)]


def test_inputs_are_cut_and_parted_without_loss() -> None:
    data = bytes(range(100))
    assert b"".join(cut(data)) == data
    assert parts_of(b"a\nb\nc\nd", 3) == [b"a", b"b", b"c\nd"]
    assert parts_of(b"a", 3) == [b"a", b"", b""]


def test_a_finding_is_kept_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("found")
    file = Finding("trap", b"abboom", "reason", "place").save(folder / "trap")
    assert file.read_bytes() == b"abboom"
