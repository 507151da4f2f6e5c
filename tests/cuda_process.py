"""Tests that call the built CUDA libraries: each body runs in a process of its own, with its own executor.

    @isolated()
    def test_copy() -> None:
        check(rt.cudaMemcpy(...))

Inside the process `rt` is libcudart.so.13, `drv` libcuda.so.1 and `client` libmaf_client.so, opened through cffi.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cffi

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "maf_vdev" / "lib"
SHIM = ROOT / "shim"
INSIDE = "MAF_TEST_INSIDE"

ffi = cffi.FFI()


def declarations(*headers: str) -> str:
    """The headers without preprocessor lines and attributes, for cffi."""
    text = "\n".join((SHIM / name).read_text() for name in headers)
    text = re.sub(r"\\\n", "", text)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"MAF_API|MAF_PRINTF\([^)]*\)", "", text)


def open_library(name: str, *headers: str) -> Any:
    ffi.cdef(declarations(*headers))
    return ffi.dlopen(str(LIB / name), ffi.RTLD_NOW | ffi.RTLD_GLOBAL)


if os.environ.get(INSIDE):
    client = open_library("libmaf_client.so", "protocol.h", "client/maf_client.h")
    drv = open_library("libmaf_cuda1.so", "libcuda_stub/cuda/cuda.h")
    rt = open_library("libmaf_cudart13.so", "libcuda_stub/cudart/cudart.h")
    ffi.cdef("uint64_t maf_last_seq(void);")

HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, DEFAULT = 1, 2, 3, 4


def isolated(timeout: float = 60, **environment: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Run the decorated test's body in a fresh process; its output is shown when it fails."""

    def decorate(body: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(body)
        def test() -> None:
            code = f"import {body.__module__} as m; m.{body.__name__}.__wrapped__(); print('body done')"
            done = subprocess.run(
                [sys.executable, "-X", "faulthandler", "-c", code],
                check=False,
                cwd=ROOT / "tests",
                env={**os.environ, INSIDE: "1", "MAF_LOG": "1", **environment},
                capture_output=True,
                text=True,
                timeout=timeout,
            )
            assert done.returncode == 0 and "body done" in done.stdout, done.stdout[-3000:] + done.stderr[-6000:]

        return test

    return decorate


def check(error: int) -> None:
    assert error == 0, f"{error}: {ffi.string(rt.cudaGetErrorString(error)).decode()}"


def malloc(size: int) -> Any:
    p = ffi.new("void **")
    check(rt.cudaMalloc(p, size))
    return p[0]


def host_alloc(size: int) -> Any:
    p = ffi.new("void **")
    check(rt.cudaHostAlloc(p, size, 0))
    return p[0]


def upload(data: bytes) -> Any:
    p = malloc(max(len(data), 1))
    check(rt.cudaMemcpy(p, ffi.from_buffer(data), len(data), HOST_TO_DEVICE))
    return p


def download(p: Any, size: int) -> bytes:
    out = bytearray(size)
    check(rt.cudaMemcpy(ffi.from_buffer(out), p, size, DEVICE_TO_HOST))
    return bytes(out)


def stream(flags: int = 1) -> Any:
    s = ffi.new("cudaStream_t *")
    check(rt.cudaStreamCreateWithFlags(s, flags))
    return s[0]


def event(flags: int = 0) -> Any:
    e = ffi.new("cudaEvent_t *")
    check(rt.cudaEventCreateWithFlags(e, flags))
    return e[0]


def address(p: Any) -> int:
    return int(ffi.cast("uintptr_t", p))


def pointer(value: int) -> Any:
    return ffi.cast("void *", value)


def executor_pid() -> int:
    """The executor is a grandchild that names this process on its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--app-pid" in words and words[words.index(b"--app-pid") + 1] == str(os.getpid()).encode():
                return int(entry.name)
    raise AssertionError("no executor of this process")


class Gate:
    """A host callback that keeps a stream busy until open() is called."""

    def __init__(self, on: Any) -> None:
        import threading

        self.event = threading.Event()

        def wait(_: Any) -> None:
            self.event.wait(30)

        self.callback = ffi.callback("void(void *)", wait)
        check(rt.cudaLaunchHostFunc(on, self.callback, ffi.NULL))

    def open(self) -> None:
        self.event.set()
