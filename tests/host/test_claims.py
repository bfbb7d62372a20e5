"""Cores that processes of one machine claim from each other."""

import subprocess
import sys
import threading
import time

from sweep.host.claims import claimed

HOLDING = """
import sys, time
from pathlib import Path
from sweep.host.claims import claimed
with claimed((0, 1, 2), 2, folder=Path(sys.argv[1])) as own:
    print(*own, flush=True)
    time.sleep(60)
"""


def test_a_core_has_one_claim_at_a_time(tmp_path):
    with (
        claimed((4, 5, 6), 2, folder=tmp_path) as one,
        claimed((4, 5, 6), 1, folder=tmp_path) as two,
    ):
        assert sorted((*one, *two)) == [4, 5, 6]
    with claimed((4, 5, 6), 3, folder=tmp_path) as whole:
        assert whole == (4, 5, 6)


def test_who_asks_for_more_than_there_is_has_all(tmp_path):
    with claimed((1, 3), 8, folder=tmp_path) as own:
        assert own == (1, 3)


def test_a_claim_waits_for_all_of_its_cores_and_holds_none_meanwhile(tmp_path):
    order = []

    def wait_for_both():
        with claimed((0, 1), 2, folder=tmp_path) as own:
            order.append(own)

    with claimed((0, 1), 1, folder=tmp_path) as first:
        waiting = threading.Thread(target=wait_for_both)
        waiting.start()
        time.sleep(0.3)
        # The core that is left is free all the same: two that wait for each other would never end.
        with claimed((0, 1), 1, folder=tmp_path) as second:
            assert sorted((*first, *second)) == [0, 1]
        assert order == []
    waiting.join(10)
    assert order == [(0, 1)]


def test_a_claim_ends_with_its_process_however_that_ends(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline().split() == ["0", "1"]
    with claimed((0, 1, 2), 1, folder=tmp_path) as own:
        assert own == (2,)
    holder.kill()
    holder.wait()
    with claimed((0, 1, 2), 3, folder=tmp_path) as own:
        assert own == (0, 1, 2)
