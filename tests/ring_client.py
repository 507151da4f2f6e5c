"""A client of the executor in Python, for tests: starts one, writes commands to its ring, sends requests."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from maf_vdev import protocol
from maf_vdev.protocol import constant, ffi

DEVICE_BASE = 0x6D0000000000
PINNED_BASE = 0x6F0000000000
STRIDE = 4 << 30
PINNED_BYTES = 64 << 20
RING_BYTES = 1 << 20
HEAP = constant("MAF_SYSTEM_BYTES")  # offset of the first byte that the client may allocate


class Fault(Exception):
    """The context's sticky error."""

    def __init__(self, error: int, text: str) -> None:
        super().__init__(f"{error}: {text}")
        self.error, self.text = error, text


class RequestFailed(Exception):
    """A reply with an error."""

    def __init__(self, error: int, text: str) -> None:
        super().__init__(f"{error}: {text}")
        self.error, self.text = error, text


class Client:
    """One application's connection. Use as a context manager; `executor` is the subprocess."""

    def __init__(self, count: int = 1, env: dict[str, str] | None = None, app_pid: int | None = None) -> None:
        control = ffi.sizeof("struct maf_control")
        self._offset = -(-control // 4096) * 4096
        self._fds = [os.memfd_create(name) for name in ("maf-ring", "maf-device", "maf-pinned")]
        sizes = (self._offset + RING_BYTES, count * STRIDE, PINNED_BYTES)
        for fd, size in zip(self._fds, sizes):
            os.ftruncate(fd, size)
        self._ring = mmap.mmap(self._fds[0], sizes[0])
        self.device = mmap.mmap(self._fds[1], sizes[1])
        self.pinned = mmap.mmap(self._fds[2], sizes[2])
        self.control = ffi.cast("struct maf_control *", ffi.from_buffer(self._ring))
        self.control.version = constant("MAF_PROTOCOL_VERSION")
        self.control.ring_bytes = RING_BYTES
        self.control.ring_offset = self._offset
        self._futex = ctypes.CDLL(None).syscall
        self._seq = 0
        self._next = HEAP
        ours, theirs = socket.socketpair()
        self.socket = ours
        fds = [theirs.fileno(), *self._fds]
        words = ["--socket-fd", "--ring-fd", "--device-fd", "--pinned-fd"]
        arguments = [text for word, fd in zip(words, fds) for text in (word, str(fd))]
        numbers = {
            "count": count,
            "device-base": DEVICE_BASE,
            "device-stride": STRIDE,
            "pinned-base": PINNED_BASE,
            "pinned-bytes": PINNED_BYTES,
            "app-pid": os.getpid() if app_pid is None else app_pid,
        }
        arguments += [text for name, value in numbers.items() for text in (f"--{name}", hex(value))]
        self.started = time.monotonic()
        self.executor = subprocess.Popen(
            [sys.executable, "-I", "-m", "maf_vdev.executor", *arguments],
            pass_fds=fds,
            env={**os.environ, **(env or {})},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> tuple[str, str]:
        """Ends the connection and waits for the executor. Returns its output on stdout and stderr."""
        self.socket.close()
        try:
            out, err = self.executor.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.executor.kill()
            raise
        except ValueError:  # closed before
            return "", ""
        for fd in self._fds:
            os.close(fd)
        self._fds = []
        return out.decode(), err.decode()

    # --- ring --------------------------------------------------------------------------------------

    def wait_ready(self, seconds: float = 20) -> float:
        """Seconds from the start until the executor serves."""
        self._until(lambda: self.control.ready == 1, seconds)
        return time.monotonic() - self.started

    def _until(self, condition, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.executor.poll() is not None and not condition():
                raise RuntimeError(f"the executor ended with status {self.executor.returncode}")
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.0002)

    def put(
        self, struct_name: str, command: str, payload: bytes = b"", sda: int = 0, stream: int = 0, **fields: object
    ) -> int:
        """Append a command; returns its sequence number."""
        self._seq += 1
        size = ffi.sizeof(f"struct {struct_name}") + len(payload)
        size = -(-size // 16) * 16
        position = self.control.produced
        room = RING_BYTES - position % RING_BYTES
        if size > room:
            self._wait_space(position + room)
            pad = ffi.cast("struct maf_command *", ffi.addressof(self._bytes(), position % RING_BYTES))
            pad.size, pad.kind = room, constant("MAF_CMD_PAD")
            position += room
        self._wait_space(position + size)
        at = ffi.addressof(self._bytes(), position % RING_BYTES)
        record = ffi.cast(f"struct {struct_name} *", at)
        header = ffi.cast("struct maf_command *", at)
        header.size, header.kind, header.sda, header.seq = size, constant(command), sda, self._seq
        header.stream, header.flags = stream, constant("MAF_STREAM_NON_BLOCKING")
        for name, value in fields.items():
            setattr(record, name, value)
        if payload:
            ffi.memmove(at + ffi.sizeof(f"struct {struct_name}"), payload, len(payload))
        self.control.produced = position + size
        if self.control.executor_sleeping:
            self.ring_bell()
        return self._seq

    def _bytes(self) -> object:
        return ffi.from_buffer("unsigned char[]", self._ring)[self._offset : self._offset + RING_BYTES]

    def _wait_space(self, end: int) -> None:
        self._until(lambda: end - self.control.consumed <= RING_BYTES, 30)

    def ring_bell(self) -> None:
        """Tell a sleeping executor that something has changed."""
        self.control.executor_sleeping = 0
        self.control.doorbell += 1
        self.wake(ffi.offsetof("struct maf_control", "doorbell"))

    def wake(self, offset: int) -> None:
        """FUTEX_WAKE of a word of the control page."""
        address = int(ffi.cast("uintptr_t", self.control)) + offset
        self._futex(202, ctypes.c_void_p(address), 1, 0x7FFFFFFF, None, None, 0)

    def sync(self, seconds: float = 60) -> None:
        """Wait for all commands; raises Fault when the context has a sticky error."""
        self._until(lambda: self.control.completed >= self._seq or self.control.fault, seconds)
        self.check()

    def check(self) -> None:
        if self.control.fault:
            raise Fault(self.control.fault, ffi.string(self.control.fault_text).decode())

    # --- memory ------------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """Device address of new memory; never given back."""
        address = DEVICE_BASE + self._next
        self._next += -(-size // 512) * 512
        return address

    def store(self, data: bytes) -> int:
        """Device memory that holds `data`, written through the shared mapping."""
        address = self.allocate(len(data))
        self.write(address, data)
        return address

    def write(self, address: int, data: bytes) -> None:
        self.device[address - DEVICE_BASE : address - DEVICE_BASE + len(data)] = data

    def read(self, address: int, size: int) -> bytes:
        return self.device[address - DEVICE_BASE : address - DEVICE_BASE + size]

    # --- requests ----------------------------------------------------------------------------------

    def request(self, kind: str, payload: bytes = b"", sda: int = 0, seconds: float = 60) -> bytes:
        """The reply's payload; RequestFailed for an error."""
        self.socket.settimeout(seconds)
        self.socket.sendall(struct.pack("<IIQ", constant(kind), sda, len(payload)) + payload)
        error, _, size = struct.unpack("<iIQ", self._receive(16))
        reply = self._receive(size)
        if error:
            raise RequestFailed(error, reply.decode())
        return reply

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError("the executor closed the socket")
            data += part
        return data

    def module(self, data: bytes) -> tuple[int, int]:
        """(module, status) of a loaded module."""
        return struct.unpack("<II", self.request("MAF_REQ_MODULE", data))

    def kernel(self, module: int, name: str, sda: int = 0) -> tuple[object, list[tuple[int, int]]]:
        """struct maf_kernel_info and (offset, bytes) of each parameter."""
        reply = self.request("MAF_REQ_KERNEL", struct.pack("<II", module, len(name)) + name.encode(), sda)
        size = ffi.sizeof("struct maf_kernel_info")
        info = protocol.unpack("maf_kernel_info", reply[:size])
        return info, [struct.unpack_from("<II", reply, size + 8 * i) for i in range(info.params)]

    def launch(
        self,
        kernel: int,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        params: bytes,
        dynamic_shared: int = 0,
    ) -> int:
        """Append a launch; `params` is the packed parameter block."""
        return self.put(
            "maf_cmd_launch",
            "MAF_CMD_LAUNCH",
            params,
            kernel=kernel,
            grid=grid,
            block=block,
            dynamic_shared=dynamic_shared,
            param_bytes=len(params),
        )


def torch_library(name: str = "libtorch_cuda.so") -> Path | None:
    """A library of the installed torch, found without importing it."""
    import importlib.util

    found = importlib.util.find_spec("torch")
    path = Path(found.origin).parent / "lib" / name if found else None
    return path if path and path.is_file() else None
