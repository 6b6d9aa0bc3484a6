import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.signature import SecretError, SignatureError, check_secret, sign, verify
from _websub.grammar.vocabulary import SignatureMethod

SECRET = "key-123"
BODY = b"hello\n"
SAMPLE = b"This is sample content delivery"
SAMPLE_SHA256 = "d66181d67f963fff2dde0b0a4ca50ac1a6bc5828dd32eabaf0d5049f6fe8b5ff"
GOOD = sign("sha256", SECRET, BODY)
METHODS = [str(method) for method in SignatureMethod]


def is_accepted(*headers: str, secrets: tuple[str, ...] = (SECRET,), body: bytes = BODY) -> bool:
    try:
        verify(headers, secrets, body)
    except SignatureError:
        return False
    return True


@pytest.mark.spec("H-57", "H-58")
def test_the_digest_is_the_one_that_other_hubs_compute() -> None:
    assert sign("sha256", "secret", SAMPLE) == f"sha256={SAMPLE_SHA256}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.spec("H-57", "H-58", "H-60", "S-36")
def test_each_method_signs_the_bytes_with_the_secret(method: str) -> None:
    expected = hmac.new(SECRET.encode(), BODY, getattr(hashlib, method)).hexdigest()
    header = sign(method, SECRET, BODY)
    assert header == f"{method}={expected}"
    verify([header], [SECRET], BODY, accepted=METHODS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 127, 128, 129, 199])
def test_secrets_of_every_length_sign_as_in_the_standard_library(method: str, size: int) -> None:
    secret = "s" * size
    for body in (b"", BODY, b"x" * 100_000):
        assert sign(method, secret, body) == f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


def test_the_secret_is_its_utf8() -> None:
    expected = hmac.new(b"\xc3\xbc", BODY, hashlib.sha256).hexdigest()
    assert sign("sha256", "ü", BODY) == f"sha256={expected}"


def test_an_unknown_method_cannot_sign() -> None:
    with pytest.raises(ValueError, match="md5"):
        sign("md5", SECRET, BODY)


@pytest.mark.parametrize("method", ["sha256", "sha384", "sha512"])
@pytest.mark.spec("S-17", "S-36", "S-38")
@pytest.mark.threat("SIG-1")
def test_strong_methods_are_accepted_in_small_and_capital_digits(method: str) -> None:
    name, _, digits = sign(method, SECRET, BODY).partition("=")
    assert is_accepted(f"{name}={digits}")
    assert is_accepted(f"{name}={digits.upper()}")


@pytest.mark.spec("S-40")
@pytest.mark.threat("SIG-2")
def test_a_missing_signature_is_refused() -> None:
    with pytest.raises(SignatureError, match="missing"):
        verify([], [SECRET], BODY)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256",
        "sha256=",
        "=abc",
        GOOD.replace("=", ":"),
        GOOD[:-1],
        GOOD + "0",
        GOOD[:-2],
        GOOD + "00",
        GOOD[:-1] + "g",
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD}\0",
        f"{GOOD}, sha256={'0' * 64}",
        f"sha256={'0' * 64}, {GOOD}",
        f"sha256={GOOD}",
        "SHA256=" + GOOD[7:],
        "sha-256=" + GOOD[7:],
        "md5=" + hmac.new(SECRET.encode(), BODY, hashlib.md5).hexdigest(),
        "sha224=" + hmac.new(SECRET.encode(), BODY, hashlib.sha224).hexdigest(),
        "sha3_256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha3_256).hexdigest(),
        "none=" + "0" * 64,
        "sha512=" + GOOD[7:],
        "sha256=" + sign("sha512", SECRET, BODY)[7:],
        "sha256=" + "é" * 64,
        "sha256=" + "٣" * 64,
        "\xff",
        "a" * 1_000_000,
        "sha256=" + "0" * 1_000_000,
        "sha256=" + "0" * 64,
    ],
)
@pytest.mark.spec("S-37", "S-38", "SEC-12")
@pytest.mark.threat("SIG-3", "SIG-6")
def test_a_bad_signature_is_refused_and_is_no_other_error(header: str) -> None:
    assert not is_accepted(header)


@pytest.mark.parametrize("headers", [(GOOD, "sha256=" + "0" * 64), ("sha256=" + "0" * 64, GOOD), (GOOD, GOOD)])
@pytest.mark.threat("SIG-4")
def test_two_signatures_are_refused_even_if_one_is_good(headers: tuple[str, ...]) -> None:
    assert not is_accepted(*headers)


@pytest.mark.spec("H-60", "SEC-13")
@pytest.mark.threat("SIG-5")
def test_sha1_is_too_weak_unless_told_otherwise() -> None:
    header = sign("sha1", SECRET, BODY)
    with pytest.raises(SignatureError, match="weaker than allowed"):
        verify([header], [SECRET], BODY)
    verify([header], [SECRET], BODY, accepted={"sha1"})


@pytest.mark.parametrize("body", [b"", b"hello", b"hello\r\n", b"Hello\n", b"hello\n\0", b"iello\n"])
@pytest.mark.spec("S-37", "H-58")
@pytest.mark.threat("SIG-8")
def test_another_body_is_refused(body: bytes) -> None:
    assert not is_accepted(GOOD, body=body)


@pytest.mark.spec("S-37", "S-19")
def test_only_secrets_that_are_valid_now_count() -> None:
    assert not is_accepted(GOOD, secrets=("another",))
    assert not is_accepted(GOOD, secrets=())
    assert is_accepted(GOOD, secrets=("new", SECRET))
    assert is_accepted(GOOD, secrets=(SECRET, "new"))


@pytest.mark.spec("SEC-17")
@pytest.mark.threat("SIG-11")
def test_a_refusal_says_nothing_about_the_signature() -> None:
    with pytest.raises(SignatureError) as caught:
        verify(["sha256=" + "0" * 64], [SECRET], BODY)
    assert str(caught.value) == "signature does not match"


@pytest.mark.parametrize("secret", ["x", "a" * 199, "é" * 99 + "a", "with space", "日本", "=&;"])
@pytest.mark.spec("S-14")
def test_a_secret_of_less_than_200_bytes_is_kept(secret: str) -> None:
    assert check_secret(secret) == secret


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "empty"),
        ("a" * 200, "shorter than 200 bytes"),
        ("é" * 100, "shorter than 200 bytes"),
        ("a\0", "control characters"),
        ("a\r\nb", "control characters"),
        ("a\x7f", "control characters"),
        ("\ud800", "UTF-8"),
    ],
)
@pytest.mark.spec("S-14", "H-14")
def test_a_secret_that_cannot_be_used_is_refused(secret: str, why: str) -> None:
    with pytest.raises(SecretError, match=why) as caught:
        check_secret(secret)
    assert str(caught.value).startswith("hub.secret ")


@given(st.text(max_size=80), st.binary(max_size=100), st.sampled_from(["sha256", "sha384", "sha512"]))
def test_every_secret_that_is_accepted_signs_and_verifies(secret: str, body: bytes, method: str) -> None:
    try:
        check_secret(secret)
    except SecretError:
        return
    assert is_accepted(sign(method, secret, body), secrets=(secret,), body=body)
    assert not is_accepted(sign(method, secret, body), secrets=(secret + "x",), body=body)
    assert not is_accepted(sign(method, secret, body), secrets=(secret,), body=body + b"x")


@given(st.lists(st.text(max_size=100) | st.from_regex(r"sha(256|1|512)=[0-9a-f]{0,130}"), max_size=3))
def test_no_header_is_an_error_of_another_kind(headers: list[str]) -> None:
    assert not is_accepted(*headers)
