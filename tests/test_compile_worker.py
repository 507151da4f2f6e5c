"""The compiler process: what it says when the executor that started it ends."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys

import pytest

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
