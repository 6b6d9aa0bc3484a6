from typing import Any, NoReturn

import pytest

from _websub.hooks import check_hooks
from _websub.outcome import Hook, Success, WebSubError


class Question:
    pass


class Accepted(Success):
    pass


class DeniedError(WebSubError):
    pass


def row(name: str, *successes: type, required: bool = False) -> Hook:
    return Hook(
        name=name,
        message=Question,
        successes=successes,
        errors=(DeniedError,),
        failure=DeniedError,
        reason="no",
        required=required,
    )


HOOKS = (row("on_question", Accepted, required=True), row("on_news", type(None)))


class Service:
    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        check_hooks(cls, Service, HOOKS, abstract=abstract)

    async def on_question(self, message: Question) -> Accepted | DeniedError:
        raise NotImplementedError

    async def on_news(self, message: Question) -> None:
        """Do nothing."""


def define(**methods: Any) -> type:
    async def on_question(self: object, message: Question) -> Accepted:
        raise NotImplementedError

    return type("Mine", (Service,), {"on_question": on_question} | methods)


def test_a_whole_service_is_accepted() -> None:
    class Mine(Service):
        async def on_question(self, message: Question) -> Accepted | DeniedError:
            raise NotImplementedError

        async def on_news(self, message: Question) -> None:
            raise NotImplementedError

        def once(self) -> None:
            pass

        on_air = True

    assert issubclass(Mine, Service)


def test_a_class_that_inherits_its_hooks_is_accepted() -> None:
    class Parent(Service):
        async def on_question(self, message: Question) -> Accepted:
            raise NotImplementedError

    class Child(Parent):
        async def on_news(self, message: Question) -> None:
            raise NotImplementedError

    assert issubclass(Child, Parent)


def test_a_mixed_in_class_is_checked_too() -> None:
    class Extra:
        async def on_questions(self, message: Question) -> Accepted:
            raise NotImplementedError

    with pytest.raises(TypeError, match=r"Mine.on_questions is not a hook; did you mean on_question\?"):
        type("Mine", (Extra, Service), {"on_question": Service.on_question})


def test_a_missing_hook_is_named() -> None:
    with pytest.raises(TypeError, match=r"Mine must implement on_question; .*class Mine.Service, abstract=True"):
        type("Mine", (Service,), {})


def test_an_abstract_class_may_leave_hooks_out_and_its_child_may_not() -> None:
    class Parent(Service, abstract=True):
        pass

    with pytest.raises(TypeError, match=r"Child must implement on_question"):
        type("Child", (Parent,), {})
    with pytest.raises(TypeError, match=r"on_newz is not a hook"):
        type("Child", (Parent,), {"on_newz": lambda: None})


def test_a_name_that_is_no_hook_gets_a_hint() -> None:
    async def hook(self: object, message: Question) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"Mine.on_neews is not a hook; did you mean on_news\?"):
        define(on_neews=hook)
    with pytest.raises(TypeError, match=r"Mine.on_xyzxyz is not a hook; the hooks are on_question, on_news"):
        define(on_xyzxyz=hook)


def test_a_hook_is_async() -> None:
    def on_news(self: object, message: Question) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"Mine.on_news must be async: write async def on_news\(self, message\)"):
        define(on_news=on_news)


@pytest.mark.parametrize("wrap", [staticmethod, classmethod, property])
def test_a_hook_is_a_plain_method(wrap: Any) -> None:
    async def on_news(self: object, message: Question) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"Mine.on_news must be a plain method"):
        define(on_news=wrap(on_news))


def test_a_hook_takes_onemessage_and_is_told_where_the_headers_are() -> None:
    async def none(self: object) -> None:
        raise NotImplementedError

    async def three(self: object, message: Question, headers: object) -> None:
        raise NotImplementedError

    async def keyword(self: object, *, message: Question) -> None:
        raise NotImplementedError

    async def every(self: object, *messages: Question) -> None:
        raise NotImplementedError

    for hook in (none, three, keyword, every):
        with pytest.raises(TypeError, match=r"Mine.on_news must take \(self, message\) .* message.headers"):
            define(on_news=hook)


def test_a_hook_is_annotated_with_its_row() -> None:
    async def text(self: object, message: Question) -> str:
        raise NotImplementedError

    async def optional(self: object, message: Question) -> Accepted | None:
        raise NotImplementedError

    async def another(self: object, message: Accepted) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"Mine.on_news is annotated to return str; it may return None | DeniedError"):
        define(on_news=text)
    with pytest.raises(TypeError, match=r"Mine.on_question is annotated to return NoneType"):
        define(on_question=optional)
    with pytest.raises(TypeError, match=r"Mine.on_news takes a Question, not a Accepted"):
        define(on_news=another)


def test_annotations_may_be_missing_wide_or_unknown_at_run_time() -> None:
    async def bare(self, message):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        raise NotImplementedError

    async def wide(self: object, message: Any) -> Any:
        raise NotImplementedError

    async def never(self: object, message: object) -> NoReturn:
        raise NotImplementedError

    async def late(self: object, message: "Unknown") -> "Unknown":  # type: ignore[name-defined]  # noqa: F821
        raise NotImplementedError

    for hook in (bare, wide, never, late):
        assert issubclass(define(on_news=hook), Service)
