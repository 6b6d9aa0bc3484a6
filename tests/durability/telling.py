"""``websubhub``, with one more thing to it: on SIGUSR1 it writes into a file which tasks its event loop has."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from websubhub.standalone.command.cli import main


def _tell(_: int, __: FrameType | None) -> None:
    tasks = asyncio.all_tasks() if asyncio._get_running_loop() else set()
    count = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in tasks)
    file = Path(os.environ["TASKS_FILE"])
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(count))
    beside.replace(file)


signal.signal(signal.SIGUSR1, _tell)
sys.exit(main())
