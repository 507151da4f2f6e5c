"""The disk cache of compiled kernels, the object loader and the launcher's interface."""

from __future__ import annotations

import ctypes
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import cpu_runner
import numpy as np
import pytest

from maf_vdev.devices import cpu
from maf_vdev.translator import cache, packed
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.emit import abi
from maf_vdev.translator.sass_text import parse

HEADER = Path(cpu_runner.CORE, "cpu_warp.h").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MAF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "cache"


def kernel(code: bytes = b"\1" * 32, **more) -> KernelCode:
    facts = {
        "name": "k",
        "arch": 75,
        "code": code,
        "params": (),
        "param_base": 0x160,
        "param_bytes": 0,
        "constant0_bytes": 0x160,
        "banks": {},
        "relocations": (),
        "static_shared": 0,
        "local_bytes": 0,
        "registers": 8,
        "max_threads": 0,
        "barriers": 0,
    }
    return KernelCode(**(facts | more))


def test_an_entry_comes_back(folder):
    assert cache.read("ab" * 32) is None
    assert cache.write("ab" * 32, b"payload")
    assert cache.contains("ab" * 32) and cache.read("ab" * 32) == b"payload"
    info = cache.info()
    assert info["entries"] == 1 and info["path"] == str(folder) and info["bytes"] > 7
    assert cache.clear() == 1 and cache.info()["entries"] == 0


def test_packed_object_and_description():
    meta = packed.Meta("fast", 5, 4096, 100, 120)
    assert packed.unpack(packed.pack(b"\x7fELF", meta)) == (b"\x7fELF", meta)


def test_the_key_covers_what_the_code_depends_on():
    base = cache.key(kernel(), 0, "slow")
    others = [
        cache.key(kernel(b"\2" * 32), 0, "slow"),
        cache.key(kernel(), 1, "slow"),
        cache.key(kernel(), 0, "fast"),
        cache.key(kernel(param_base=0x1A80), 0, "slow"),
        cache.key(kernel(indirect_branches={16: (32, 48)}), 0, "slow"),
        cache.key(kernel(arch=70), 0, "slow"),
    ]
    assert len({base, *others}) == 7
    assert cache.key(kernel(banks={2: b"x"}, name="other"), 0, "slow") == base


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_entry_is_reported_and_removed(folder, capsys, damage):
    cache.write("cd" * 32, b"payload" * 100)
    (path,) = cache.entries()
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if damage is None else damage)
    assert cache.read("cd" * 32) is None
    assert "damaged cache entry" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.skipif(os.getuid() == 0 and not hasattr(os, "seteuid"), reason="needs an unwritable directory")
def test_an_unwritable_directory_costs_one_warning(tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MAF_CACHE_DIR", str(blocked / "cache"))
    monkeypatch.setattr(cache, "_warned", set())
    assert not cache.write("ef" * 32, b"x") and not cache.write("01" * 32, b"x")
    assert capsys.readouterr().err.count("cannot write the kernel cache") == 1


def test_writers_do_not_disturb_each_other(folder):
    code = (
        "from maf_vdev.translator import cache\n"
        "for n in range(200):\n"
        "    assert cache.write('aa' * 32, bytes([n % 7]) * 50000)\n"
        "    data = cache.read('aa' * 32)\n"
        "    assert data is not None and len(data) == 50000 and len(set(data)) == 1\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    for w in workers:
        _, errors = w.communicate(timeout=120)
        assert w.returncode == 0, errors.decode()
    assert cache.info()["entries"] == 1
    assert not list(folder.glob("*/.new*"))


def test_entries_are_private(folder):
    cache.write("12" * 32, b"x")
    (path,) = cache.entries()
    assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_warp_layout_matches_the_emitter():
    """Offsets of struct maf_warp, computed from its declaration."""
    body = re.search(r"struct maf_warp \{(.*?)/\* launcher's own \*/", HEADER, re.DOTALL)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    offsets, at = {}, 0
    for line in filter(None, (text.strip() for text in body.split(";"))):
        name, count = re.search(r"(\w+)(?:\[(\d+)\])?$", line).groups()
        size = 8 if "*" in line else 4
        at = (at + size - 1) // size * size
        offsets[name] = at
        at += size * int(count or 1)
    names = {"const0": "CONST0", "banks": "BANKS", "shared": "SHARED", "local": "LOCAL", "frame": "FRAME", "tid": "TID"}
    names |= {"runtime": "RUNTIME", "ctaid": "CTAID", "exec": "EXEC", "tid_base": "TID_BASE", "warp_id": "WARP_ID"}
    names |= {"resume": "RESUME", "lanes": "LANES", "entries": "ENTRIES", "reenter": "REENTER", "skip": "SKIP"}
    assert offsets == {field: getattr(abi, constant) for field, constant in names.items()}


def test_kernel_struct_matches_the_header():
    text = Path(cpu_runner.CORE, "cpu_launch.h").read_text()
    body = re.search(r"struct maf_cpu_kernel \{(.*?)\n\};", text, re.DOTALL)[1]
    fields = re.findall(
        r"^\s+[\w *]+?(?:\(\*)?(\w+)(?:\[\w+\]|\)\([^;]*\))?;",
        re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL),
        re.MULTILINE,
    )
    assert fields == [name for name, _ in cpu.CpuKernelStruct._fields_]


def _run_text(lines: list[str], block: int, **facts) -> int:
    dev = cpu_runner.InstrDevice("slow")
    code = kernel(**facts)
    dev.instrs[id(code)] = [parse(line, 16 * n) for n, line in enumerate(lines)]
    return cpu_runner.launch(dev, dev.load(code, {}), 1, block, b"")


def test_launch_limits():
    assert _run_text(["EXIT ;"], 32) == 0
    assert _run_text(["EXIT ;"], 1025) == 9
    assert _run_text(["EXIT ;"], 64, max_threads=32) == 9


def test_a_barrier_that_others_never_reach_is_an_error(capfd):
    lines = ["S2R R0, SR_TID.X ;", "ISETP.LT.U32.AND P0, PT, R0, 0x20, PT ;", "@P0 BAR.SYNC 0x1, 0x80 ;", "EXIT ;"]
    assert _run_text(lines, 64) == 719
    assert "barrier" in capfd.readouterr().err


def test_small_launches_are_quick():
    """A bound far above the measured 1 to 2 us, so that only a lost order of magnitude fails."""
    import time

    dev = cpu_runner.InstrDevice("slow")
    code = kernel()
    dev.instrs[id(code)] = [parse("EXIT ;", 0)]
    lib = cpu_runner.launcher()
    address = dev.prepare(dev.load(code, {}), 1)
    one, block = (ctypes.c_uint32 * 3)(1, 1, 1), (ctypes.c_uint32 * 3)(128, 1, 1)
    best = 1.0
    for _ in range(300):
        start = time.perf_counter()
        assert lib.maf_cpu_launch(address, one, block, 0, b"", 0) == 0
        best = min(best, time.perf_counter() - start)
    assert best < 20e-6


def test_parallel_for_covers_the_range_once():
    lib = cpu_runner.launcher()
    seen = np.zeros(10_000, np.int32)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)

    @function
    def work(_, begin, end):
        seen[begin:end] += 1

    lib.maf_cpu_set_threads(3)
    try:
        lib.maf_cpu_parallel_for(ctypes.c_uint64(len(seen)), ctypes.c_uint64(77), work, None)
    finally:
        lib.maf_cpu_set_threads(0)
    assert (seen == 1).all()
