"""The executor process: maps the shared memory, starts the C core's replay thread, answers requests.

Start-up is on the application's critical path, so this module imports only what the interpreter has
built in and the C core; planning imports numpy and the rest when the first request needs them.
"""

from __future__ import annotations

import _thread
import os
import select
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

# The launch pool and the BLAS take turns on the same cores: a spinning BLAS thread starves the other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Builds on some machines pin OpenBLAS to an old core type; here that would cost most of its speed.
os.environ.pop("OPENBLAS_CORETYPE", None)

from maf_vdev.executor._core import ffi, lib

REQUEST = struct.Struct("<IIQ")
REPLY = struct.Struct("<iIQ")

ERROR_INVALID_VALUE = 1
ERROR_NOT_SUPPORTED = 801
ERROR_UNKNOWN = 999

_REPLAY_STACK = 16 << 20
# Compilers of OpenCL drivers recurse along the code of a kernel; memory of a stack is taken when it is touched.
_REPLAY_STACK_COMPILER = 1 << 30


class RequestError(Exception):
    """A request that fails: `error` is the reply's code, the text its message."""

    def __init__(self, error: int, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass
class Arguments:
    """The command line; file descriptors are inherited from the application."""

    socket_fd: int = -1
    ring_fd: int = -1
    device_fd: int = -1
    pinned_fd: int = -1
    count: int = 1
    device_base: int = 0
    device_stride: int = 0
    pinned_base: int = 0
    pinned_bytes: int = 0
    app_pid: int = 0

    @classmethod
    def parse(cls, words: list[str]) -> Arguments:
        """Arguments from ``--name value`` pairs; SystemExit for anything else."""
        names = {f"--{name.replace('_', '-')}": name for name in cls.__dataclass_fields__}
        result = cls()
        if len(words) % 2:
            raise SystemExit("maf_vdev.executor: arguments come in pairs: --name value")
        for option, value in zip(words[::2], words[1::2]):
            if option not in names:
                raise SystemExit(f"maf_vdev.executor: unknown argument {option}")
            try:
                setattr(result, names[option], int(value, 0))
            except ValueError:
                raise SystemExit(f"maf_vdev.executor: {option} {value} is not a number") from None
        if min(result.socket_fd, result.ring_fd, result.device_fd) < 0 or not result.device_stride:
            raise SystemExit("maf_vdev.executor: started by the client library, not by hand")
        return result


@dataclass
class Server:
    """One application's executor. `planner` is made at the first request that needs it."""

    args: Arguments
    _planner: object = None
    _lock: object = field(default_factory=_thread.allocate_lock)

    def planner(self):
        """The planner; its imports are the slow part of a cold start."""
        with self._lock:
            if self._planner is None:
                from maf_vdev.executor.planner import Planner

                self._planner = Planner(self.args)
            return self._planner

    def handle(self, kind: int, sda: int, payload: bytearray) -> bytes:
        """The reply's payload. Raises RequestError."""
        if sda >= self.args.count:
            raise RequestError(101, f"no SDA {sda}")  # cudaErrorInvalidDevice
        handler = self._HANDLERS.get(kind)
        if handler is None:
            raise RequestError(ERROR_NOT_SUPPORTED, f"unknown request {kind}")
        return handler(self, sda, payload)

    def _hello(self, sda: int, payload: bytearray) -> bytes:
        return b""

    def _module(self, sda: int, payload: bytearray) -> bytes:
        return self.planner().load_module(sda, payload)

    def _kernel(self, sda: int, payload: bytearray) -> bytes:
        return self.planner().find_kernel(sda, payload)

    def _symbol(self, sda: int, payload: bytearray) -> bytes:
        return self.planner().find_symbol(sda, payload)

    def _plan(self, sda: int, payload: bytearray) -> bytes:
        return self.planner().make_plan(sda, payload)

    def _unload(self, sda: int, payload: bytearray) -> bytes:
        return self.planner().unload_module(sda, payload)

    def _note(self, sda: int, payload: bytearray) -> bytes:
        from maf_vdev.executor import record

        record.current().note(payload.decode(errors="replace"))
        return b""

    def _compile(self, sda: int, payload: bytearray) -> bytes:
        from maf_vdev.executor import record
        from maf_vdev.translator.source import compilers
        from maf_vdev.translator.source.program import Program

        try:
            program = Program.unpack(payload)
        except (ValueError, struct.error) as error:
            raise RequestError(ERROR_INVALID_VALUE, f"malformed program: {error}") from None
        done = compilers.compile(program)
        record.current().note(f"compiled {program.name}: status {done.status}")
        return done.pack()

    def _compiler(self, sda: int, payload: bytearray) -> bytes:
        from maf_vdev.translator.source import compilers

        return compilers.info().pack()

    def _file(self, sda: int, payload: bytearray) -> bytes:
        number, descriptor = struct.unpack("<Ii", payload)
        fd = -1
        if descriptor >= 0:
            try:
                fd = os.open(f"/proc/{self.args.app_pid}/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
            except OSError as error:
                raise RequestError(ERROR_INVALID_VALUE, f"descriptor {descriptor}: {error.strerror}") from None
        if lib.maf_memory_file(number, fd):
            raise RequestError(ERROR_INVALID_VALUE, f"no file number {number}")
        return b""

    def _gang(self, sda: int, payload: bytearray) -> bytes:
        number, descriptor, rank, _ = struct.unpack("<IiII", payload)
        if descriptor < 0:
            lib.maf_gang_close(number)
            return b""
        opened = []
        import mmap

        try:
            file = os.open(f"/proc/{self.args.app_pid}/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
            opened.append(file)
            with mmap.mmap(file, ffi.sizeof("struct maf_gang")) as memory:
                gang = ffi.new("struct maf_gang *")
                ffi.memmove(gang, memory, ffi.sizeof("struct maf_gang"))
            for info in list(gang.rank_info)[: gang.ranks]:
                fd = os.open(f"/proc/{info.pid}/fd/{info.descriptor}", os.O_RDWR | os.O_CLOEXEC)
                opened.append(fd)
                status = os.fstat(fd)
                if status.st_ino != info.file_inode:
                    raise OSError(0, "another file")
        except OSError as error:
            for fd in opened:
                os.close(fd)
            raise RequestError(ERROR_INVALID_VALUE, f"a rank's memory cannot be opened: {error.strerror}") from None
        if lib.maf_gang_open(number, rank, file, opened[1:], gang.ranks):
            raise RequestError(ERROR_INVALID_VALUE, "the ranks' memory cannot be mapped")
        return b""

    _HANDLERS: dict[int, Callable] = field(
        default_factory=lambda: {
            lib.MAF_REQ_HELLO: Server._hello,
            lib.MAF_REQ_MODULE: Server._module,
            lib.MAF_REQ_KERNEL: Server._kernel,
            lib.MAF_REQ_SYMBOL: Server._symbol,
            lib.MAF_REQ_PLAN: Server._plan,
            lib.MAF_REQ_UNLOAD: Server._unload,
            lib.MAF_REQ_NOTE: Server._note,
            lib.MAF_REQ_COMPILE: Server._compile,
            lib.MAF_REQ_COMPILER: Server._compiler,
            lib.MAF_REQ_FILE: Server._file,
            lib.MAF_REQ_GANG: Server._gang,
        }
    )


def _map(fd: int, base: int, size: int, what: str) -> None:
    error = lib.maf_memory_map(fd, base, size)
    if error:
        raise SystemExit(f"maf_vdev.executor: cannot map {what} memory at {base:#x}: {os.strerror(error)}")


def _read(fd: int, size: int) -> bytearray:
    """Exactly `size` bytes; EOFError when the application has closed its end."""
    data = bytearray(size)
    view, have = memoryview(data), 0
    while have < size:
        got = os.readv(fd, [view[have:]])
        if got == 0:
            raise EOFError
        have += got
    return data


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _serve_one(server: Server, fd: int) -> None:
    kind, sda, size = REQUEST.unpack(_read(fd, REQUEST.size))
    payload = _read(fd, size)
    error, reply = 0, b""
    try:
        reply = server.handle(kind, sda, payload)
    except RequestError as failure:
        error, reply = failure.error, str(failure).encode()
    except Exception as failure:  # noqa: BLE001 - a defect here must not end the application
        import traceback

        traceback.print_exc()
        error = lib.MAF_PLAN_INTERNAL if kind == lib.MAF_REQ_PLAN else ERROR_UNKNOWN
        reply = f"executor: {type(failure).__name__}: {failure}".encode()
    _write(fd, REPLY.pack(error, 0, len(reply)) + reply)


def _set_up_process(keep: list[int]) -> None:
    """Leave the application's job control and files: a terminal's Ctrl-C is for the application, which
    decides whether it goes on; and a pipe's other end must see the application's close, not ours."""
    import signal

    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTTOU, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _watch_application(pid: int) -> int:
    """A descriptor that becomes readable when the application ends, -1 where the system has none. The socket
    alone is not enough: a child that the application forked may hold its other end."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise SystemExit(0) from None  # it has ended already
    except (OSError, AttributeError):
        return -1


def _preload(server: Server) -> None:
    """Imports what the first kernel needs while the application is still starting."""
    try:
        server.planner().preload()
    except Exception as error:  # noqa: BLE001 - the first request meets the same error and reports it
        if os.environ.get("MAF_LOG", "0") >= "2":
            print(f"maf-vdev: preload: {error}", file=sys.stderr)


def _finish(server: Server, status: int) -> None:
    """Write the run record and end at once: threads of the core and of libraries may be anywhere."""
    from maf_vdev.executor import record

    try:
        _end_children()
        record.finish(server.args)
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - the process ends here; a defect must at least be seen
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _end_children() -> None:
    """Kill the compiler processes: they hold the application's stderr open for as long as they run."""
    import contextlib
    import signal

    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children") as stream:
                children = [int(pid) for pid in stream.read().split()]
        except OSError:  # the thread ended, or the system does not keep this list
            continue
        for pid in children:
            with contextlib.suppress(ProcessLookupError):  # another thread has waited for it in between
                os.kill(pid, signal.SIGKILL)


def serve(args: Arguments) -> None:
    """Serves until the application closes its socket or ends. Does not return."""
    _set_up_process([args.socket_fd, args.ring_fd, args.device_fd, args.pinned_fd])
    application = _watch_application(args.app_pid)
    error = lib.maf_core_attach(args.ring_fd)
    if error:
        raise SystemExit(f"maf_vdev.executor: bad control page: {os.strerror(error)}")
    _map(args.device_fd, args.device_base, args.count * args.device_stride, "device")
    if args.pinned_bytes:
        _map(args.pinned_fd, args.pinned_base, args.pinned_bytes, "pinned")
    lib.maf_memory_file(lib.MAF_FILE_DEVICE, args.device_fd)
    server = Server(args)
    from_core, to_main = os.pipe()
    lib.maf_fault_install(to_main)

    def replay() -> None:
        lib.maf_core_run()
        os.write(to_main, b"X")

    _register_callbacks(server)
    host_device = (os.environ.get("MAF_DEVICE") or "cpu") == "cpu"
    _thread.stack_size(_REPLAY_STACK if host_device else _REPLAY_STACK_COMPILER)
    _thread.start_new_thread(replay, ())
    _thread.stack_size(0)
    if not host_device:
        _open_device(server)
    lib.maf_core_ready()
    from maf_vdev.executor import record

    record.start(args)
    _thread.start_new_thread(_preload, (server,))
    poll = select.poll()
    poll.register(args.socket_fd, select.POLLIN)
    poll.register(from_core, select.POLLIN)
    if application >= 0:
        poll.register(application, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == from_core:
                _finish(server, 1 if os.read(from_core, 1) == b"F" else 0)
            elif fd == application:
                _finish(server, 0)
            else:
                try:
                    _serve_one(server, fd)
                except (EOFError, OSError):
                    _finish(server, 0)


def _open_device(server: Server) -> None:
    """The client has to know whether the device has memory of its own before it copies."""
    try:
        lib.maf_core_own_memory(server.planner().own_bytes())
        lib.maf_fault_compiling(ffi.NULL)  # drivers install signal handlers of their own
    except RequestError:  # said already; each later request gives it too
        pass


def _register_callbacks(server: Server) -> None:
    @ffi.def_extern(name="maf_py_prepare", error=ERROR_UNKNOWN)
    def prepare(kernel: int, variant: int) -> int:
        return server.planner().prepare(kernel, variant)

    @ffi.def_extern(name="maf_py_run_op", error=ERROR_UNKNOWN)
    def run_op(plan: int, pointers: object, count: int, scalars: object, size: int) -> int:
        return server.planner().run_op(plan, ffi.unpack(pointers, count), bytes(ffi.buffer(scalars, size)))

    @ffi.def_extern(name="maf_py_slow", error=ffi.NULL)
    def prepare_slow(cookie: int) -> object:
        return ffi.cast("maf_warp_fn", server.planner().prepare_slow(cookie))

    lib.maf_core_set_callbacks(lib.maf_py_prepare, lib.maf_py_run_op)
    lib.maf_cpu_set_slow_callback(lib.maf_py_slow)


def main() -> None:
    """Entry point of ``python -m maf_vdev.executor``."""
    serve(Arguments.parse(sys.argv[1:]))
