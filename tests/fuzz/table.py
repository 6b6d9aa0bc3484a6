"""Everything that is fuzzed. Whoever adds a reader of what peers send adds a target to one of the rooms below."""

from tests.fuzz.target import Target
from tests.fuzz.targets import documents, headers, requests, stored, urls, wire

_ROOMS = (requests, urls, headers, documents, wire, stored)
TARGETS: dict[str, Target] = {target.name: target for room in _ROOMS for target in room.TARGETS}
