"""The traces of announcements, kept until their topics are fetched."""

from collections import OrderedDict

from websubhub import url_identity

_KEPT = 10_000


class AnnouncedTraces:
    """The trace of the last announcement of each topic, in memory. Above a limit, the oldest are removed.

    A fetch after a restart begins a new trace.
    """

    def __init__(self) -> None:
        self._traces: OrderedDict[str, str] = OrderedDict()

    def note(self, topic: str, trace: str) -> None:
        """Keep the trace of an announcement."""
        identity = url_identity(topic)
        self._traces[identity] = trace
        self._traces.move_to_end(identity)
        if len(self._traces) > _KEPT:
            self._traces.popitem(last=False)

    def get(self, topic: str) -> str:
        """Return the trace of the last announcement of a topic, or an empty string."""
        return self._traces.get(url_identity(topic), "")

    def forget(self, topic: str, trace: str) -> None:
        """Remove the trace of a fetched topic, unless the topic has been announced again since."""
        identity = url_identity(topic)
        if self._traces.get(identity) == trace:
            del self._traces[identity]
