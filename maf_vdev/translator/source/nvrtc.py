"""A real NVRTC library: where it is, and a child process that runs it.

NVRTC needs no driver and no GPU. It runs apart from the executor: a crash or a leak of the compiler stays there.
"""

from __future__ import annotations

import functools
import os
import pickle
import re
import select
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from maf_vdev.sda import profiles
from maf_vdev.translator import cache
from maf_vdev.translator.source.program import (
    BUILTIN_OPERATION_FAILURE,
    Compiled,
    CompilerInfo,
    Program,
)

SETTING = "MAF_NVRTC"
HOST = "host"  # value of the setting: no NVRTC, a C++ compiler of the machine
PIP_LINE = "pip install nvidia-cuda-nvrtc"
TIMEOUT_SECONDS = 300

_WHEEL_FOLDERS = ("nvidia/cu*/lib", "nvidia/cuda_nvrtc/lib")
_SYSTEM_FOLDERS = ("usr/local/cuda*/lib64", "usr/local/cuda*/targets/*/lib", "usr/lib/*-linux-gnu", "usr/lib64")
_FILE = re.compile(r"libnvrtc\.so\.(\d+)")
_OURS = b"libmaf_client.so"  # what the front of this project names as its dependency
_FRONT_BYTES = 1 << 20
_ARCH = re.compile(r"(?:-arch|--?gpu-architecture)(?:=(.*))?")
_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"\n]+)[>"]|(\b__has_include\b|^\s*#\s*include\s+\w)', re.MULTILINE)
# Options that read or write files.
_FILE_OPTION = re.compile(
    r"-{1,2}(pre-include|include$|include=|.*pch|time|fdevice-time-trace|options-file|optf|use-bundled)"
)


class NoCompiler(Exception):
    """The library that the setting names is not there or is none; the message is for the program's log."""


def capability() -> int:
    """Of this process's SDAs, as architectures are numbered: 75, 80."""
    major, minor = profiles.current().capability
    return 10 * major + minor


def runs(arch: int) -> bool:
    """Whether an SDA takes code for this real architecture: that of its generation, its own or older."""
    own = capability()
    return arch // 10 == own // 10 and arch <= own


def _is_front(path: Path) -> bool:
    """Whether this is the project's own library under NVIDIA's name."""
    return path.stat().st_size < _FRONT_BYTES and _OURS in path.read_bytes()


def _folders() -> Iterator[tuple[Path, str]]:
    """Roots and patterns in the order of preference."""
    for site in dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path)):
        for pattern in _WHEEL_FOLDERS:
            yield Path(site or "/nonexistent"), pattern
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(name):
            yield Path(os.environ[name]), "lib64"
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        if folder.startswith("/"):
            yield Path(folder), "."
    for pattern in _SYSTEM_FOLDERS:
        yield Path("/"), pattern


def find() -> Path | None:
    """A real NVRTC library: what MAF_NVRTC names, else PyPI's in this environment, else the system's; the newest of a
    folder. None: there is none, or the setting says not to use one."""
    chosen = os.environ.get(SETTING, "")
    if chosen:
        return None if chosen == HOST else Path(chosen)
    for root, pattern in _folders():
        found = [
            (int(match[1]), path)
            for folder in ([root] if pattern == "." else root.glob(pattern))
            for path in folder.glob("libnvrtc.so.*")
            if (match := _FILE.fullmatch(path.name)) and not _is_front(path)
        ]
        if found:
            return max(found)[1]
    return None


@dataclass
class Library:
    """One library in its child process, which starts at the first request."""

    path: Path
    _child: subprocess.Popen | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _info: CompilerInfo | None = None

    def _receive(self) -> object:
        ready, _, _ = select.select([self._child.stdout], [], [], TIMEOUT_SECONDS)
        if not ready:
            raise TimeoutError
        return pickle.load(self._child.stdout)

    def _start(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        command = [sys.executable, "-I", "-m", "maf_vdev.translator.source.nvrtc_worker", str(self.path)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            hello = self._receive()
        except (EOFError, TimeoutError, pickle.UnpicklingError) as error:
            self._end()
            hello = f"the compiler does not start ({type(error).__name__})"
        if isinstance(hello, str):
            raise NoCompiler(f"{self.path}: {hello}")
        self._info = CompilerInfo(*hello)

    def _end(self) -> int:
        self._child.kill()
        status = self._child.wait()
        self._child = None
        return status

    def _identity(self) -> str:
        """Name of the cache entry that holds what this file is."""
        try:
            stat = self.path.stat()
        except OSError as error:
            raise NoCompiler(f"{self.path}: {error.strerror}") from None
        return cache.name_of("nvrtc library", os.path.realpath(self.path), stat.st_size, stat.st_mtime_ns)

    def info(self) -> CompilerInfo:
        """Version and architectures; from the disk cache if this file was asked before. Raises NoCompiler."""
        with self._lock:
            if self._info is None:
                name = self._identity()
                known = cache.read(name)
                if known is not None:
                    self._info = pickle.loads(known)
                else:
                    self._start()
                    cache.write(name, pickle.dumps(self._info))
            return self._info

    def run(self, program: Program) -> Compiled:
        """One compilation as NVRTC does it. Raises NoCompiler."""
        with self._lock:
            self._start()
            try:
                pickle.dump(program, self._child.stdin)
                self._child.stdin.flush()
                return self._receive()
            except (EOFError, OSError, TimeoutError, pickle.UnpicklingError) as error:
                status = self._end()
                why = f"took more than {TIMEOUT_SECONDS} s" if isinstance(error, TimeoutError) else f"ended ({status})"
                return Compiled(BUILTIN_OPERATION_FAILURE, log=f"{program.name}: error: the compiler {why}\n")

    def compile(self, program: Program) -> Compiled:
        """As run, for what an SDA needs, results in the disk cache. Raises NoCompiler.

        A program for a virtual architecture gets PTX only, as from NVIDIA's. Its cubin is made too and kept under the
        PTX's digest: the module loader finds it there and needs no assembler.
        """
        name = self._entry(program) if reads_no_files(program) else ""
        known = cache.read(name) if name else None
        if known is not None:
            done, loadable = pickle.loads(known)
        else:
            done, loadable = self._compile(program)
            if name and not done.status:
                cache.write(name, pickle.dumps((done, loadable)))
        if done.ptx and loadable:
            remember(done.ptx, loadable)
        return done

    def _entry(self, program: Program) -> str:
        return cache.name_of("nvrtc", self._identity(), capability(), *_key_of(replace(program, directory="")))

    def _compile(self, program: Program) -> tuple[Compiled, bytes]:
        """The result, and a cubin for the PTX in it (empty: there is none that an SDA runs)."""
        others, arch = split_options(program.options)
        virtual = arch is None or arch.startswith("compute_")
        number = arch_number(arch or f"compute_{self.info().archs[0]}")
        if not virtual:
            done = self.run(program)
            return done, done.image if runs(number) else b""
        if runs(number):
            both = self.run(replace(program, options=(*others, f"--gpu-architecture=sm_{number}")))
            return replace(both, image=b""), both.image
        done = self.run(program)
        if done.status or not done.ptx or number > capability():
            return done, b""
        return done, self.run(replace(program, options=(*others, f"--gpu-architecture=sm_{capability()}"))).image


def _key_of(program: Program) -> tuple[object, ...]:
    return (program.name, program.source, program.headers, program.options, program.expressions)


def split_options(options: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The options without the architecture, and the architecture (sm_75, compute_75), None where none is given."""
    others, arch, words = [], None, iter(options)
    for word in words:
        match = _ARCH.fullmatch(word)
        if match:
            arch = match[1] if match[1] is not None else next(words, "")
        else:
            others.append(word)
    return tuple(others), arch


def arch_number(arch: str) -> int:
    """80 of sm_80 or compute_80; 0 of a name without a plain number, as those that end in letters."""
    digits = re.fullmatch(r"[a-z]+_(\d+)", arch)
    return int(digits[1]) if digits else 0


def reads_no_files(program: Program) -> bool:
    """Whether the program's result depends on its texts and options alone."""
    if any(_FILE_OPTION.match(option) for option in program.options):
        return False
    given = {name for name, _ in program.headers}
    texts = (program.source, *(text for _, text in program.headers))
    return all(match[1] in given for text in texts for match in _INCLUDE.finditer(text))


def _ptx_entry(ptx: bytes) -> str:
    return cache.name_of("ptx", ptx.rstrip(b"\0"))


def remember(ptx: bytes, cubin: bytes) -> None:
    """Keep the cubin of PTX that was compiled here."""
    name = _ptx_entry(ptx)
    if not cache.contains(name):
        cache.write(name, cubin)


def recall(ptx: bytes) -> bytes | None:
    """The cubin of PTX that NVRTC made here, None for PTX from elsewhere."""
    return cache.read(_ptx_entry(ptx))


@functools.cache
def library() -> Library | None:
    """The process's NVRTC library, None without one."""
    path = find()
    return Library(path) if path else None
