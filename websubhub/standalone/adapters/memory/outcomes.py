"""The outcomes of deliveries, kept in memory."""

from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.broker.settlements import Death, Settlements


def keep_outcomes(state: State, settlements: Settlements) -> None:
    """Keep outcomes, as ``Journal.settle`` says."""
    for death in settlements.deaths:
        _keep_death(state, death)  # before the positions, which tell what was kept before
    _move(state, settlements)
    for number in settlements.cleared:
        state.retries.pop(number, None)
    for number, retry in settlements.retries.items():
        if number in state.recipients:
            state.retries[number] = retry
    for number in settlements.ended:
        if (kept := state.recipients.get(number)) is not None:
            state.end_subscription(kept)
    state.letters.delete(settlements.replayed)
    for reason, letter in settlements.failed_replays:
        state.letters.failed(letter, reason)


def _move(state: State, settlements: Settlements) -> None:
    # Ascending, since a subscription may have moved twice.
    for (_, sequence), subscriptions in sorted(settlements.moved.items()):
        for number in subscriptions:
            if (kept := state.recipients.get(number)) is not None:
                kept.position = sequence


def _keep_death(state: State, death: Death) -> None:
    kept = state.recipients.get(death.subscription)
    if kept is not None:
        if kept.position < death.sequence:
            state.letters.add(death, kept)
        if death.turned_away:
            kept.turned_away = death.sequence
