import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest

from _websub.outcome import Hook, Success, WebSubError
from _websub.user_code import settle


class Accepted(Success):
    pass


class DeniedError(WebSubError):
    status = 403


class OtherError(WebSubError):
    pass


HOOK = Hook(
    name="on_question", message=str, successes=(Accepted,), errors=(DeniedError,), failure=OtherError, reason="no luck"
)
SILENT = Hook(
    name="on_news", message=str, successes=(type(None),), errors=(DeniedError,), failure=OtherError, reason="no luck"
)


def returning(value: object) -> Callable[[object], Awaitable[object]]:
    async def hook(_: object) -> object:
        return value

    return hook


def raising(error: BaseException) -> Callable[[object], Awaitable[object]]:
    async def hook(_: object) -> object:
        raise error

    return hook


def assert_failed(outcome: object) -> None:
    assert isinstance(outcome, OtherError)
    assert outcome.reason == "no luck"


async def test_a_success_is_the_outcome() -> None:
    accepted = Accepted(body={"a": "b"})
    assert await settle(HOOK, returning(accepted), "message") is accepted


async def test_the_hook_gets_the_message_once() -> None:
    messages = []

    async def hook(message: object) -> None:
        messages.append(message)

    assert await settle(SILENT, hook, "message") is None
    assert messages == ["message"]


async def test_a_declared_error_is_the_outcome_whether_returned_or_raised() -> None:
    denied = DeniedError("not you", status=401, headers={"X": "1"}, body={"a": "b"})
    assert await settle(HOOK, returning(denied), "") is denied
    assert await settle(HOOK, raising(denied), "") is denied


@pytest.mark.parametrize("error", [ValueError("s3cret"), WebSubError("s3cret"), OtherError("s3cret"), KeyError(1)])
async def test_any_other_error_is_logged_and_tells_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    for call in (returning(error), raising(error)):
        assert_failed(await settle(HOOK, call, ""))
    assert [record.message for record in caplog.records] == ["on_question failed"] * 2
    assert all(record.exc_info and record.exc_info[1] is error for record in caplog.records)
    assert all(record.levelno == logging.ERROR for record in caplog.records)


@pytest.mark.parametrize("value", [None, True, "yes", Success(), DeniedError, Accepted, object()])
async def test_another_value_is_logged_by_its_type(value: object, caplog: pytest.LogCaptureFixture) -> None:
    assert_failed(await settle(HOOK, returning(value), ""))
    assert caplog.messages == [f"on_question returned {type(value).__name__}, which it may not return"]


async def test_none_says_yes_only_where_nothing_needs_to_be_said() -> None:
    assert await settle(SILENT, returning(None), "") is None
    assert_failed(await settle(SILENT, returning(Accepted()), ""))
    assert_failed(await settle(HOOK, returning(None), ""))


async def test_cancellation_passes_through() -> None:
    async def hook(_: object) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01) as scope:
        await settle(SILENT, hook, "")
    assert scope.cancelled_caught


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("some", [KeyboardInterrupt()])])
async def test_what_ends_a_program_by_hand_is_no_outcome(error: BaseException) -> None:
    with pytest.raises(type(error)):
        await settle(HOOK, raising(error), "")


def test_an_error_has_its_class_status_or_its_own() -> None:
    assert (DeniedError("why").status, DeniedError("why", status=410).status, DeniedError.status) == (403, 410, 403)
    error = WebSubError("why", headers=[("X", "1")], body={"a": "b"})
    assert (str(error), error.reason, error.headers["x"], error.body) == ("why", "why", "1", {"a": "b"})
    assert (WebSubError().status, WebSubError().body, len(WebSubError().headers)) == (500, {}, 0)


def test_an_error_does_not_share_its_body() -> None:
    body = {"a": "b"}
    error, success = WebSubError(body=body), Success(body=body)
    body["a"] = "c"
    assert error.body == success.body == {"a": "b"}
