"""Which states a subscriber can have: a line each, that the command line and whoever opens one read."""

from importlib import import_module

TYPE_CHECKING = False  # as type checkers know it; the command line reads this before it loads anything
if TYPE_CHECKING:
    from websubsub._state.state import StateStore

#: How a setting that names one begins, what follows that, and where its class is, in this room.
KINDS = (
    ("memory:", "", "subscriptions:MemoryStore"),
    ("sqlite:///", "FILE", "file:StateFile"),
)
#: How a state may be named.
FORMS = " or ".join(prefix + place for prefix, place, _ in KINDS)


def open_state(state: "str | StateStore") -> "StateStore":
    """Return the store that a setting names.

    Args:
        state: One of ``FORMS``, or a store.

    Raises:
        ValueError: It names none.
    """
    if not isinstance(state, str):
        return state
    for prefix, place, home in KINDS:
        rest = state.removeprefix(prefix)
        if (rest and rest != state) if place else state in {prefix, prefix.rstrip(":")}:
            module, _, name = home.partition(":")
            store: StateStore = getattr(import_module(f"{__package__}.{module}"), name)(*([rest] if place else []))
            return store
    raise ValueError(f"The state {state!r} is unknown; write {FORMS}.")
