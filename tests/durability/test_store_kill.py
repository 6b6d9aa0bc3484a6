"""The store is killed at random instants; nothing that it accepted may be lost.

``KILLS=1000 pytest tests/durability`` kills it more often than the 20 times of an ordinary run.
"""

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

from tests.durability.account import Reader
from tests.durability.victim import live
from tests.waiting import PATIENCE

KILLS = int(os.environ.get("KILLS", "20"))


@pytest.mark.durability
def test_whatever_was_accepted_is_delivered_in_order_however_often_the_process_is_killed(tmp_path: Path) -> None:
    # A fork of a server that has imported everything starts in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.durability.victim"])
    chance = random.Random(20261122)  # noqa: S311 - no secret
    for run in range(KILLS):
        ready, theirs = context.Pipe(duplex=False)
        process = context.Process(target=live, args=(str(tmp_path), run, theirs), daemon=True)
        process.start()
        assert ready.poll(PATIENCE), f"run {run} did not open the store"
        time.sleep(chance.random() * 0.3)
        assert process.exitcode is None, f"run {run} ended by itself"
        process.kill()
        process.join()
    last = context.Process(target=live, args=(str(tmp_path), KILLS))
    last.start()
    last.join(PATIENCE)
    assert last.exitcode == 0
    account = Reader().read(tmp_path / "journal")
    assert account.lost == []
    assert account.unexplained == []
    assert account.disordered == []
    assert account.damaged == []
    assert account.letters_missing == []
    assert account.checked == "ok 0 0"
    assert account.pairs > 50 * KILLS
    assert account.repeated < account.pairs
