"""The kinds of stores that a subscriber can have, a line each, for the command line and for opening them."""

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; the command line imports this module before anything else
if TYPE_CHECKING:
    from websubsub._state.state import StateStore

#: The beginning of a setting that names a store, what follows it, and the module and class of the store.
KINDS = (
    ("memory:", "", "subscriptions:MemoryStore"),
    ("sqlite:///", "FILE", "file:StateFile"),
)
#: The forms of the setting, for messages.
FORMS = " or ".join(prefix + place for prefix, place, _ in KINDS)


def open_state(state: "str | StateStore") -> "StateStore":
    """Return the store that a setting names.

    Args:
        state: One of ``FORMS``, or a store.

    Raises:
        ValueError: The setting names no store.
    """
    if not isinstance(state, str):
        return state
    for prefix, place, home in KINDS:
        rest = state.removeprefix(prefix)
        if (rest and rest != state) if place else state in {prefix, prefix.rstrip(":")}:
            module, _, name = home.partition(":")
            store: StateStore = getattr(import_module(f"{__package__}.{module}"), name)(*([rest] if place else []))
            return store
    raise ValueError(f"The state {state!r} is unknown. Write {FORMS}.")
