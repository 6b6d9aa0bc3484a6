import secrets
import string

import pytest

from _websub.grammar.vocabulary import (
    CHALLENGE_CHARACTERS,
    DEFAULT_LEASE_SECONDS,
    MAX_LEASE_SECONDS,
    MIN_LEASE_SECONDS,
    SECRET_LIMIT,
    Header,
    Mode,
    Parameter,
    SignatureMethod,
)


@pytest.mark.spec("H-31", "S-27")
def test_a_challenge_has_the_characters_of_the_recommendation() -> None:
    assert frozenset(string.ascii_letters + string.digits + "+-./=_") == CHALLENGE_CHARACTERS
    assert set(secrets.token_urlsafe(1000)) <= CHALLENGE_CHARACTERS


@pytest.mark.spec("H-40", "SEC-05")
def test_the_default_lease_is_ten_days_and_within_its_range() -> None:
    assert DEFAULT_LEASE_SECONDS == 10 * 24 * 60 * 60
    assert MIN_LEASE_SECONDS < DEFAULT_LEASE_SECONDS < MAX_LEASE_SECONDS


@pytest.mark.spec("S-05", "S-06", "H-30")
def test_words_of_the_protocol() -> None:
    assert SECRET_LIMIT == 200
    assert {Mode.SUBSCRIBE, Mode.UNSUBSCRIBE, Mode.PUBLISH, Mode.DENIED} == {
        "subscribe",
        "unsubscribe",
        "publish",
        "denied",
    }
    assert all(value.startswith("hub.") for name, value in vars(Parameter).items() if name.isupper())
    assert f"{Header.SIGNATURE}" == "X-Hub-Signature"


@pytest.mark.spec("H-57")
def test_the_methods_of_signatures() -> None:
    assert set(SignatureMethod) == {"sha1", "sha256", "sha384", "sha512"}
