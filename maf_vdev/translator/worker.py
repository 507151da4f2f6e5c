"""Compilation in other processes: ``python -I -m maf_vdev.translator.worker`` and the pool that starts it.

A worker reads requests (length, pickle of (KernelCode, variant, form)) on standard input, puts the result
into the disk cache and answers with the packed object or the error (length, pickle) on standard output.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from typing import BinaryIO

from .cubin import KernelCode

_LENGTH = struct.Struct("<Q")


def _send(stream: BinaryIO, value: object) -> None:
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: BinaryIO) -> object:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size = _LENGTH.unpack(head)[0]
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


class Pool:
    """Up to ``size`` worker processes, started at the first request and ended with this process."""

    def __init__(self, size: int):
        self.size = size
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        # A program waits for general forms; the others are better forms of what it runs already.
        self._queues: tuple[deque[tuple[tuple[KernelCode, int, str], Future]], ...] = (deque(), deque())
        self._threads = 0
        self._idle = 0

    def submit(self, code: KernelCode, variant: int, form: str) -> Future:
        """A future of the packed object. It is cancelled, not failed, when a worker cannot be used."""
        future: Future = Future()
        with self._lock:
            self._queues[form != "slow"].append(((code, variant, form), future))
            if not self._idle and self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True).start()
            self._wake.notify()
        return future

    def _start(self) -> subprocess.Popen:
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "maf_vdev.translator.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def _serve(self) -> None:
        process: subprocess.Popen | None = None
        while True:
            with self._lock:
                self._idle += 1
                while not any(self._queues):
                    self._wake.wait()
                self._idle -= 1
                request, future = next(queue for queue in self._queues if queue).popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                if process is None or process.poll() is not None:
                    process = self._start()
                _send(process.stdin, request)  # type: ignore[arg-type]
                ok, value = _receive(process.stdout)  # type: ignore[arg-type, misc]
            except Exception as error:  # noqa: BLE001 - an answer that cannot be read must not leave the future open
                # LLVM aborts on what it cannot select: the process is gone, the kernel is not.
                if process is not None:
                    process.kill()
                    process.wait()
                process = None
                future.set_exception(RuntimeError(f"compiler process ended: {error!r}"))
                continue
            if ok:
                future.set_result(value)
            else:
                future.set_exception(value)


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write into the answers
    from . import cache, compile, packed

    try:
        os.nice(1)
    except OSError:
        pass
    try:
        while True:
            code, variant, form = _receive(requests)  # type: ignore[misc]
            try:
                result = packed.pack(*compile.compile_kernel(code, variant, form))
                cache.write(cache.key(code, variant, form), result)
                answer = True, result
            except Exception as error:  # noqa: BLE001 - the parent decides what a failed compilation means
                answer = False, error
            _send(answers, answer)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # the parent has ended, perhaps in the middle: nobody is left to tell


if __name__ == "__main__":
    main()
