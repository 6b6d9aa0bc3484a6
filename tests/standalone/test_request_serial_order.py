"""However requests, verifications and removals of a pair cross, what is left is as if they had queued up."""

import secrets
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from websubhub import (
    Budget,
    IntentVerification,
    Subscription,
    Unsubscription,
    VerificationAttempt,
    VerificationBudget,
    VerifiedSubscription,
)
from websubhub._protocol import verified
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

HUB = "https://hub.example/hub"
PAIRS = {
    "a": [
        ("https://topic.example/~joe", "https://sub.example/"),
        ("https://topic.example/%7Ejoe", "https://sub.example/"),
    ],
    "b": [("https://topic.example/~joe", "https://sub.example/other")],
}
LEASE, DELAY = 1_000, 30.0

pairs = st.sampled_from(sorted(PAIRS))
answers = st.sampled_from(
    [*[IntentVerification.VERIFIED] * 3, IntentVerification.REFUSED, IntentVerification.UNANSWERED]
)


@attrs.define(eq=False)
class Asked:
    """A verification request that waits for the subscriber's answer."""

    message: Subscription | Unsubscription
    answered: anyio.Event
    answer: IntentVerification = IntentVerification.REFUSED


class Hub:
    """The service and the worker of a hub, with subscribers that answer when the test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.asked: dict[str, Asked] = {}
        self.stop = anyio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        async with MemoryStore(clock=lambda: self.now) as store, anyio.create_task_group() as tasks:
            rules, publishers = (
                TopicRules(store.topics),
                PublisherPolicy(Tokens((), ""), anonymous=True, reach=Reach("", None)),
            )
            self.store = store
            self.accepted = Wakeup()
            self.service = StandaloneHub(
                store,
                rules,
                publishers,
                Intake(store, lambda: None),
                Requests(store.verifications, self.accepted.ring, lambda: self.now),
            )
            # Time stands still between steps, so nothing here is left to wait for its turn.
            plenty = Budget(burst=10_000)
            budget = VerificationBudget(lambda: self.now, strangers=plenty, known=plenty)
            self.worker = VerificationWorker(
                store.verifications,
                self._attempt,
                HUB,
                self.accepted,
                delays=(DELAY, DELAY),
                interval=0,
                budget=budget,
                clock=lambda: self.now,
            )
            tasks.start_soon(self.worker.run)
            ready()
            await self.stop.wait()
            tasks.cancel_scope.cancel()

    async def _attempt(self, message: Subscription | Unsubscription) -> VerificationAttempt:
        asked = Asked(message, anyio.Event())
        pair = _pair_of(message)
        assert pair not in self.asked, "two verifications of a pair at once"
        self.asked[pair] = asked
        await asked.answered.wait()
        if asked.answer is IntentVerification.VERIFIED:
            told = verified(message, self.now)
            if isinstance(told, VerifiedSubscription):
                await self.service.on_subscription_intent_verified(told)
            else:
                await self.service.on_unsubscription_intent_verified(told)
        return VerificationAttempt(result=asked.answer)

    async def ask(self, message: Subscription | Unsubscription) -> None:
        if isinstance(message, Subscription):
            assert (await self.service.on_subscription(message)).status == 202
        else:
            assert (await self.service.on_unsubscription(message)).status == 202

    async def let_answer(self, pair: str, answer: IntentVerification) -> None:
        asked = self.asked.pop(pair)
        asked.answer = answer
        asked.answered.set()

    async def move_on(self, seconds: float) -> None:
        self.now += seconds
        self.accepted.ring()

    async def state(self) -> tuple[dict[str, str | None], dict[str, str], int]:
        """Who is subscribed with which secret, what is being verified, and how much is pending."""
        subscribed: dict[str, str | None] = {}
        for pair, spellings in PAIRS.items():
            found = await self.store.subscriptions.get(*spellings[0])
            if found is not None:
                subscribed[pair] = found.secret
        being_asked = {pair: _secret_of(asked.message) for pair, asked in self.asked.items()}
        return subscribed, being_asked, await self.store.verifications.count()


def _pair_of(message: Subscription | Unsubscription) -> str:
    [pair] = [pair for pair, spellings in PAIRS.items() if (message.topic, message.callback) in spellings]
    return pair


def _secret_of(message: Subscription | Unsubscription) -> str:
    return str(message.secret) if isinstance(message, Subscription) else "leaving"


@attrs.define
class Wanted:
    """A request as the model knows it; ``secret`` is None for one to leave."""

    secret: str | None
    due_at: float
    attempts: int = 0


@attrs.define
class Pair:
    """What the model knows of a pair."""

    secret: str | None = None
    expires_at: float = 0.0
    pending: Wanted | None = None
    asked: Wanted | None = None


class SerialOrder(RuleBasedStateMachine):
    """Requests and answers in any order, beside a model that does one thing after the other."""

    backend = "asyncio"

    @initialize()
    def start(self) -> None:
        self.hub, self.model = Hub(), {name: Pair() for name in PAIRS}
        self.portal_manager: Any = start_blocking_portal(self.backend)
        self.portal = self.portal_manager.__enter__()
        self.portal.start_task(self._run)

    async def _run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        await self.hub.run(task_status.started)

    def teardown(self) -> None:
        if hasattr(self, "portal"):
            self.portal.call(self.hub.stop.set)
            self.portal_manager.__exit__(None, None, None)

    @rule(name=pairs, spelling=st.integers(0, 1))
    def subscribe(self, name: str, spelling: int) -> None:
        secret = secrets.token_hex(4)
        topic, callback = PAIRS[name][spelling % len(PAIRS[name])]
        message = Subscription(hub=HUB, topic=topic, callback=callback, lease_seconds=LEASE, secret=secret)
        self.model[name].pending = Wanted(secret, self.hub.now)
        self.portal.call(self.hub.ask, message)

    @rule(name=pairs, spelling=st.integers(0, 1))
    def unsubscribe(self, name: str, spelling: int) -> None:
        topic, callback = PAIRS[name][spelling % len(PAIRS[name])]
        pair = self.model[name]
        if pair.pending is not None or self._is_subscribed(pair):
            pair.pending = Wanted(None, self.hub.now)
        self.portal.call(self.hub.ask, Unsubscription(hub=HUB, topic=topic, callback=callback))

    @precondition(lambda self: any(pair.asked for pair in self.model.values()))
    @rule(data=st.data(), answer=answers)
    def answer(self, data: Any, answer: IntentVerification) -> None:
        name = data.draw(st.sampled_from([name for name, pair in self.model.items() if pair.asked]))
        pair = self.model[name]
        request = pair.asked
        assert request is not None
        self.portal.call(self.hub.let_answer, name, answer)
        pair.asked = None
        if answer is IntentVerification.VERIFIED and pair.pending is not None:
            pair.secret, pair.expires_at = request.secret, self.hub.now + LEASE
        if pair.pending is request:
            again = answer is IntentVerification.UNANSWERED and request.attempts < 2
            pair.pending = Wanted(request.secret, self.hub.now + DELAY, request.attempts + 1) if again else None

    @rule(name=pairs)
    def remove(self, name: str) -> None:
        pair = self.model[name]
        pair.pending = pair.secret = None
        self.portal.call(self.hub.store.subscriptions.remove, *PAIRS[name][0])

    @rule(seconds=st.sampled_from([DELAY, DELAY / 2, LEASE]))
    def let_pass(self, seconds: float) -> None:
        self.portal.call(self.hub.move_on, seconds)

    @invariant()
    def the_hub_is_as_the_model_is(self) -> None:
        if not hasattr(self, "portal"):
            return
        for pair in self.model.values():
            if pair.asked is None and pair.pending is not None and pair.pending.due_at <= self.hub.now:
                pair.asked = pair.pending
        subscribed = {name: pair.secret for name, pair in self.model.items() if self._is_subscribed(pair)}
        asked = {name: pair.asked.secret or "leaving" for name, pair in self.model.items() if pair.asked}
        pending = len([pair for pair in self.model.values() if pair.pending])
        wanted = (subscribed, asked, pending)
        assert self.portal.call(self._reached, wanted) == wanted

    async def _reached(self, wanted: object) -> object:
        """The state of the hub, once it is the wanted one or does not get there."""
        with anyio.move_on_after(5):
            while await self.hub.state() != wanted:  # noqa: ASYNC110 - the worker tells nobody
                await anyio.sleep(0.001)
        return await self.hub.state()

    def _is_subscribed(self, pair: Pair) -> bool:
        return pair.secret is not None and pair.expires_at > self.hub.now


class SerialOrderOnTrio(SerialOrder):
    """The same on the other event loop."""

    backend = "trio"


@pytest.mark.parametrize("machine", [SerialOrder, SerialOrderOnTrio], ids=["asyncio", "trio"])
def test_requests_of_a_pair_take_effect_in_a_serial_order(machine: type[SerialOrder]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))
