"""Finding device code in files of every kind, and the census that walks over it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_fatbin import CUBIN, container, entry

from maf_vdev.translator import libraries

HERE = Path(__file__).parent
FIXTURE = HERE / "fixtures" / "census.cubin"
CENSUS = HERE.parent / "tools" / "lift_census.py"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Bytes with two containers between other things, one of them where no 8-byte boundary is."""
    first = container(entry(CUBIN, 75, compression="zstd"), entry(CUBIN, 80))
    second = container(entry(CUBIN, 70, compression="lz4"))
    path = tmp_path / "libthings.so.1"
    path.write_bytes(b"\x7fELF" + bytes(60) + first + bytes(-len(first) % 8) + b"rodata.." + second + b"x" * 12 + first)
    return path


def test_containers_anywhere_in_a_file(library: Path) -> None:
    found = list(libraries.modules(library))
    assert [[image.name for image in module.images] for module in found] == [["sm_75", "sm_80"], ["sm_70"]]
    assert found[0].where == "libthings.so.1+0x40"


def test_wheels_and_folders(library: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "things-1.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(library, "things/libthings.so.1")
        archive.writestr("things/notes.txt", library.read_bytes())
    assert len(list(libraries.modules(wheel))) == 2
    assert len(list(libraries.modules(tmp_path))) == 2


def test_choice_follows_the_capability(library: Path) -> None:
    first, second = libraries.modules(library)
    assert first.cubin((7, 5)) is not None and second.cubin((7, 5)) is not None
    assert first.cubin((7, 0)) is not None  # sm_80 code in place of its own
    assert second.cubin((6, 0)) is None


def test_bare_cubin() -> None:
    (module,) = libraries.modules(FIXTURE)
    assert set(module.cubin((7, 5)).kernels()) == {"scaled", "chosen", "spill", "nothing"}


def census(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CENSUS), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_census_of_a_cubin() -> None:
    run = census(str(FIXTURE), "--lift", "slow")
    assert run.stdout.startswith("4 kernels, 480 instructions"), run.stdout + run.stderr
    assert ", 0 failed" in run.stdout
    assert run.returncode == 0


def test_census_shards_add_up() -> None:
    parts = [census(str(FIXTURE), "--shard", f"{part}/3").stdout.split()[0] for part in range(3)]
    assert sorted(map(int, parts)) == [1, 1, 2]


def test_census_names_what_it_cannot_decode(tmp_path: Path) -> None:
    data = bytearray(FIXTURE.read_bytes())
    at = data.index(bytes.fromhex("4d790000000000000000800300ea0f00"))  # an EXIT
    data[at : at + 2] = b"\xff\x7f"
    broken = tmp_path / "broken.cubin"
    broken.write_bytes(data)
    run = census(str(broken), "--jobs", "2")
    assert run.returncode == 1
    assert "decode: " in run.stdout and "opcode 0xfff" in run.stdout
    assert "1 failed (1 in decode)" in run.stdout


def test_census_of_nothing_fails(tmp_path: Path) -> None:
    empty = tmp_path / "empty.so"
    empty.write_bytes(b"nothing here")
    assert census(str(empty)).returncode == 1
