"""Run the tests that are about a whole hub over NATS: ``python -m tests.cluster [ARGUMENTS OF PYTEST]``."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.servers import one_server
from tests.standalone.default_store import VARIABLE

_TESTS = Path(__file__).parent.parent
#: What is about the hub, from a request to what comes of it; other tests are about a part, or about SQLite.
_ABOUT_THE_HUB = (
    "journeys/test_requests_cross.py",
    "hostile/test_limits_of_subscriptions.py",
    "hostile/test_what_leads_to_nothing.py",
    "standalone/test_announcement_operating.py",
    "standalone/test_announcements.py",
    "standalone/test_counting.py",
    "standalone/test_distribution.py",
    "standalone/test_event_stream.py",
    "standalone/test_events_of_a_hub.py",
    "standalone/test_failures.py",
    "standalone/test_long_urls.py",
    "standalone/test_looking.py",
    "standalone/test_message_ids.py",
    "standalone/test_messages_of_a_hub.py",
    "standalone/test_one_host.py",
    "standalone/test_operating.py",
    "standalone/test_policies.py",
    "standalone/test_refused_updates.py",
    "standalone/test_settling.py",
    "standalone/test_strangers.py",
    "standalone/test_subscriptions.py",
    "standalone/test_tokens.py",
)


def main() -> int:
    """Run them, and return the exit status of pytest."""
    tests = [str(_TESTS / name) for name in _ABOUT_THE_HUB]
    with tempfile.TemporaryDirectory() as folder, one_server(Path(folder)) as url:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.cluster.over_nats",
            *(sys.argv[1:] or ["-n", "2"]),
            *tests,
        ]
        return subprocess.run(command, env=os.environ | {VARIABLE: url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
