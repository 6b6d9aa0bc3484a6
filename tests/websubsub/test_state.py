"""The state machine: what may happen when, and which secrets are valid then."""

import pytest

from websubsub._state.state import NEXT, OLD_SECRET_SECONDS, State, Step, Subscription

NEW = Subscription(callback="https://sub.example/cb/token?x=1", target="t", hub="h", topic="t").requested("s1")
ACTIVE = NEW.verified(now=100.0, lease_seconds=60)
RENEWING = ACTIVE.requested("s2")
UNSUBSCRIBING = ACTIVE.after(Step.UNSUBSCRIBE)
DENIED = ACTIVE.after(Step.DENY)
GONE = UNSUBSCRIBING.after(Step.VERIFY_UNSUBSCRIBE)
EVERY = {each.state: each for each in (NEW, ACTIVE, RENEWING, UNSUBSCRIBING, DENIED, GONE)}


def test_every_state_is_reached_and_can_be_left() -> None:
    assert set(EVERY) == set(State)
    assert {before for before, _ in NEXT} == set(State)


@pytest.mark.spec("S-22", "S-30", "S-32")
@pytest.mark.parametrize(
    ("state", "confirms", "confirms_end", "delivers", "is_over"),
    [
        (State.REQUESTED, True, False, False, False),
        (State.ACTIVE, True, False, True, False),
        (State.RENEWING, True, False, True, False),
        (State.UNSUBSCRIBING, False, True, True, False),
        (State.DENIED, False, False, False, True),
        (State.GONE, False, True, False, True),
    ],
)
def test_what_a_state_means(state: State, *, confirms: bool, confirms_end: bool, delivers: bool, is_over: bool) -> None:
    subscription = EVERY[state]
    assert subscription.allows(Step.VERIFY) is confirms
    assert subscription.allows(Step.VERIFY_UNSUBSCRIBE) is confirms_end
    assert subscription.delivers is delivers
    assert subscription.is_over is is_over


@pytest.mark.parametrize("state", State)
def test_a_subscription_can_be_denied_and_asked_for_again_at_any_time(state: State) -> None:
    assert EVERY[state].after(Step.DENY).is_over
    assert EVERY[state].requested("s9").next_secret == "s9"


def test_a_step_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        GONE.after(Step.UNSUBSCRIBE)


@pytest.mark.spec("S-17", "S-19")
@pytest.mark.parametrize(
    ("subscription", "now", "secrets"),
    [
        (ACTIVE, 101.0, ("s1",)),
        (RENEWING, 101.0, ("s1", "s2")),
        (RENEWING.verified(now=150.0, lease_seconds=60), 151.0, ("s2", "s1")),
        (RENEWING.verified(now=150.0, lease_seconds=60), 150.0 + OLD_SECRET_SECONDS, ("s2",)),
        (ACTIVE.verified(now=150.0, lease_seconds=60), 151.0, ("s1",)),
        (ACTIVE.requested(None), 101.0, ("s1",)),
        (ACTIVE.requested(None).verified(now=150.0, lease_seconds=60), 151.0, ()),
        (UNSUBSCRIBING, 101.0, ("s1",)),
    ],
    ids=["active", "renewing", "renewed", "renewed-long-ago", "verified-again", "to-unsigned", "unsigned", "leaving"],
)
@pytest.mark.threat("SIG-9")
def test_the_secrets_that_are_valid(subscription: Subscription, now: float, secrets: tuple[str, ...]) -> None:
    assert subscription.secrets_at(now) == secrets


def test_a_subscription_that_was_never_verified_delivers_nothing_whatever_follows() -> None:
    assert not NEW.after(Step.UNSUBSCRIBE).delivers
    assert not NEW.after(Step.UNSUBSCRIBE).requested("s2").delivers


@pytest.mark.spec("S-29")
def test_the_lease_counts_from_the_verification() -> None:
    assert (ACTIVE.verified_at, ACTIVE.expires_at) == (100.0, 160.0)
    assert ACTIVE.verified(now=130.0, lease_seconds=10).expires_at == 140.0


def test_what_begins_anew_forgets_what_was() -> None:
    again = DENIED.requested("s3")
    assert (again.state, again.secret, again.verified_at) == (State.REQUESTED, None, None)
    assert again.callback == ACTIVE.callback


def test_the_token_is_the_last_part_of_the_path() -> None:
    assert NEW.token == "token"


def test_neither_secrets_nor_the_callback_are_shown() -> None:
    assert not {"s1", "s2", "token"} & set(repr(RENEWING).replace("'", " ").split())
