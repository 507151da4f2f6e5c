"""The compiler process: what it says when the executor that started it ends."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import threading
import time

import pytest

from maf_vdev.translator import worker

COMMAND = [sys.executable, "-I", "-m", "maf_vdev.translator.worker"]


def request() -> bytes:
    data = pickle.dumps((None, 0, "fast"))  # no kernel: the answer is an error
    return struct.pack("<Q", len(data)) + data


@pytest.mark.parametrize("sent", [request()[:4], request()[:-3], request()])
def test_worker_ends_silently_with_its_parent(sent: bytes) -> None:
    """Whole requests whose answer nobody reads, and requests that break off."""
    worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    worker.stdout.close()
    worker.stdin.write(sent)
    worker.stdin.close()
    assert worker.stderr.read() == b""
    assert worker.wait(30) == 0


def test_worker_answers_an_error() -> None:
    done = subprocess.run(COMMAND, input=request(), capture_output=True, timeout=60, check=False)
    ok, error = pickle.loads(done.stdout[8:])
    assert (ok, done.stderr, done.returncode) == (False, b"", 0) and isinstance(error, Exception)


def test_general_forms_come_before_better_ones() -> None:
    """What a program waits for is compiled first, whatever was asked for before."""
    gate = threading.Event()

    class Blocked(worker.Pool):
        def _start(self) -> subprocess.Popen:
            gate.wait(30)
            raise OSError("no process")

    pool, order = Blocked(1), []
    futures = [pool.submit(None, 0, "slow")]
    while not futures[0].running():
        time.sleep(0.001)
    for form in ("fast", "general", "slow"):
        futures.append(pool.submit(None, 0, form))
        futures[-1].add_done_callback(lambda _, form=form: order.append(form))
    gate.set()
    assert all(isinstance(future.exception(30), RuntimeError) for future in futures)
    assert order == ["slow", "fast", "general"]
