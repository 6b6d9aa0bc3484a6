"""The origins of an engine, each remembered under one spelling, up to a limit."""

from math import inf

from websubhub._distribution.origins.origin import Origin, split_callback

# Callbacks whose parts are remembered, however they are spelled, and how long each may be.
_LOCATED = 4_096
_LOCATED_CHARACTERS = 512
# How long they are remembered. If all are called in turn, it is better to keep some than to replace each by the next.
_LOCATED_SECONDS = 10.0


class Origins:
    """Finds the origin of a callback, at the cost of a dictionary lookup for the callbacks in use.

    Args:
        limit: How many unused origins are remembered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._origins: dict[str, Origin] = {}
        self._located: dict[str, tuple[Origin, str]] = {}
        self._until = -inf

    def __len__(self) -> int:
        return len(self._origins)

    def all(self) -> list[Origin]:
        """Return the remembered origins."""
        return list(self._origins.values())

    def locate(self, callback: str) -> tuple[Origin, str] | None:
        """Return the origin of a callback and its request target, or ``None`` if it cannot be requested."""
        found = self._located.get(callback)
        if found is None:
            found = self._find(callback)
            if found is not None and len(self._located) < _LOCATED and len(callback) <= _LOCATED_CHARACTERS:
                self._located[callback] = found
        return found

    def tidy(self, now: float) -> None:
        """Forget now and then which callbacks were in use."""
        if now >= self._until:
            self._until = now + _LOCATED_SECONDS
            self._located.clear()

    def _find(self, callback: str) -> tuple[Origin, str] | None:
        slash = callback.find("/", 8)
        if slash > 0:
            origin = self._origins.get(callback[:slash])
            target = callback[slash:]
            # The target becomes part of the request line, where a space or a line end would start something else.
            plain = target.isascii() and target.isprintable() and " " not in target and "#" not in target
            if plain and origin is not None:
                return origin, target
        parts = split_callback(callback)
        if parts is None:
            return None
        origin, target = parts
        return self._origins.get(origin.prefix) or self._admit(origin), target

    def _admit(self, origin: Origin) -> Origin:
        if len(self._origins) >= 2 * self._limit:
            self._forget_unused()
        self._origins[origin.prefix] = origin
        return origin

    def _forget_unused(self) -> None:
        self._located.clear()
        surplus = len(self._origins) - self._limit
        for origin in self.all():
            if surplus <= 0:
                break
            if origin.unused:
                del self._origins[origin.prefix]
                surplus -= 1
