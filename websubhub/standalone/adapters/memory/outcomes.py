"""Keeping the outcomes of deliveries in memory."""

from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.broker.settlements import Death, Settlements


def keep_outcomes(state: State, settlements: Settlements, now: float) -> None:
    """Keep outcomes, as in ``Journal.settle``."""
    for death in settlements.deaths:
        _keep_death(state, death)  # before the positions, which tell what was kept earlier
    _move(state, settlements, now)
    for number in settlements.cleared:
        state.retries.pop(number, None)
    for number, retry in settlements.retries.items():
        if number in state.recipients:
            state.retries[number] = retry
    for number in settlements.ended:
        if (kept := state.recipients.get(number)) is not None:
            state.end_subscription(kept)
    _settle_replays(state, settlements)
    for attempt in settlements.attempts:
        state.messages.note(attempt)


def _settle_replays(state: State, settlements: Settlements) -> None:
    for letter in state.letters.delete(settlements.replayed):
        if not letter.redelivery:
            state.messages.count((letter.topic.number, letter.sequence), delivered=1, dead=-1)
    for reason, number in settlements.failed_replays:
        state.letters.failed(number, reason)


def _move(state: State, settlements: Settlements, now: float) -> None:
    given_up = {(death.subscription, death.sequence) for death in settlements.deaths}
    # In ascending order, since a subscription may have moved twice.
    for (topic, sequence), subscriptions in sorted(settlements.moved.items()):
        for number in subscriptions:
            kept = state.recipients.get(number)
            if kept is None or kept.position >= sequence:
                continue
            kept.position = sequence
            dead = (number, sequence) in given_up
            state.messages.count((topic, sequence), delivered=not dead, dead=dead)
            if not dead:
                kept.delivered_at = now


def _keep_death(state: State, death: Death) -> None:
    kept = state.recipients.get(death.subscription)
    if kept is not None:
        if kept.position < death.sequence:
            state.letters.add(death, kept)
        if death.turned_away:
            kept.turned_away = death.sequence
