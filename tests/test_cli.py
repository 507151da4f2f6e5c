"""The command lines: what wrong arguments get, and what the environment becomes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent


def call(*line: str, **kwargs: object) -> subprocess.CompletedProcess:
    """Run a console script of the installed package."""
    return subprocess.run(
        [str(SCRIPTS / line[0]), *line[1:]], capture_output=True, text=True, timeout=60, check=False, **kwargs
    )


@pytest.mark.parametrize(
    "line",
    [
        ["maf-exec"],
        ["maf-exec", "--count", "0", "true"],
        ["maf-exec", "--count", "many", "true"],
        ["maf-exec", "--memory", "3Q", "true"],
        ["maf-exec", "--memory", "0", "true"],
        ["maf-exec", "--profile", "no-such-profile", "true"],
        ["maf-exec", "--device", "tpu", "true"],
        ["maf-exec", "--no-such-option", "true"],
        ["maf-vdev", "lsit"],
        ["maf-vdev", "cache", "warm", "/no/such/library.so"],
        ["maf-vdev", "explain", "no-such-run"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_get_one_line_and_status_2(line: list[str]) -> None:
    done = call(*line)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(line[0] + ":"), done.stderr


def test_missing_command_is_127_as_in_a_shell() -> None:
    done = call("maf-exec", "no-such-program")
    assert done.returncode == 127
    assert "no-such-program" in done.stderr


def test_options_after_the_command_belong_to_it() -> None:
    done = call("maf-exec", "--count", "2", "printenv", "MAF_COUNT")
    assert done.stdout.strip() == "2"
    assert call("maf-exec", "echo", "--count", "x").stdout.strip() == "--count x"


def test_print_env_is_enough_for_a_bare_shell() -> None:
    lines = call("maf-exec", "--memory", "1G", "--print-env").stdout
    shown = subprocess.run(
        ["bash", "-c", lines + "\nprintenv LD_PRELOAD MAF_MEMORY"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stdout.splitlines()
    assert shown[1] == str(1 << 30)
    assert all(Path(p).is_file() for p in shown[0].split(":"))


def test_the_shim_prints_nothing_and_keeps_the_exit_status() -> None:
    done = call("maf-exec", "bash", "-c", "exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_programs_link_against_the_driver(tmp_path: Path) -> None:
    """As Triton links what torch.compile generates: -lcuda, in the folder that the environment names."""
    program = tmp_path / "program"
    line = f"gcc -x c - -o {program} -lcuda -L$TRITON_LIBCUDA_PATH && {program} && test -f $TRITON_LIBCUDA_PATH/libcuda.so.1"
    source = "int cuInit(unsigned); int main(void) { return cuInit(0); }"
    done = call("maf-exec", "bash", "-c", line, input=source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA driver")
def test_a_child_without_the_environment_has_no_device() -> None:
    """What `env -i` starts is out of reach: it must find no device at all, and with the lines of --print-env ours."""
    program = (
        "import ctypes\ntry: print(ctypes.CDLL('libcuda.so.1').cuInit(0))\nexcept OSError as error: print('no library')"
    )
    child = ["env", "-i", sys.executable, "-c", program]
    assert call("maf-exec", *child).stdout == "no library\n"
    lines = call("maf-exec", "--print-env").stdout
    given = "".join(line.removeprefix("export ") + " " for line in lines.splitlines())
    again = subprocess.run(
        ["bash", "-c", f"env -i {given} {sys.executable} -c \"$0\"", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (again.stdout, again.stderr) == ("0\n", "")


def test_a_static_program_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "static"
    source = "void _start(void) { for (;;) { } }"
    line = ["gcc", "-static", "-nostdlib", "-o", str(program), "-x", "c", "-"]
    subprocess.run(line, input=source, text=True, check=True, timeout=60)
    done = call("maf-exec", str(program))
    assert (done.returncode, done.stdout) == (2, "")
    assert "static" in done.stderr and done.stderr.count("\n") == 1


def test_list_as_json_names_the_cpu() -> None:
    shown = json.loads(call("maf-vdev", "list", "--json").stdout)
    assert any(d["id"] == "cpu" and d["memory_bytes"] > 0 for d in shown["devices"])


def test_explain_libs_names_the_file_behind_each_soname() -> None:
    shown = dict(line.split(maxsplit=1) for line in call("maf-exec", "--explain-libs").stdout.splitlines())
    assert Path(shown["libcudart.so.13"]).is_file() and Path(shown["libcuda.so.1"]).is_file()


def test_explain_libs_with_a_program_tells_ours_from_others(tmp_path: Path) -> None:
    """The worst fault of a shim is to be bypassed unseen: a CUDA library that is not ours is named as such."""
    other = tmp_path / "libnvJitLink.so.13"
    subprocess.run(["gcc", "-shared", "-o", str(other), "-x", "c", "/dev/null"], check=True, timeout=60)
    program = f"import ctypes, sys, time; ctypes.CDLL({str(other)!r}); time.sleep(1.5); sys.exit(7)"
    done = call("maf-exec", "--explain-libs", sys.executable, "-c", program)
    lines = {line.split()[0]: line for line in done.stderr.splitlines()}
    assert done.returncode == 7
    assert "not ours" not in lines["libcudart.so.13"]
    assert lines[other.name].endswith(f"{other}  (not ours)")


def test_cache_warm_compiles_what_a_program_then_finds(tmp_path: Path) -> None:
    library = Path(importlib.util.find_spec("torch").origin).parent / "lib" / "libtorch_cuda.so"
    line = ("maf-vdev", "cache", "warm", str(library), "--match", r"amp_update_scale_cuda_kernel")
    environment = {**os.environ, "MAF_CACHE_DIR": str(tmp_path)}
    assert call(*line, env=environment).stdout.startswith("compiled 2 forms of kernels, 0 were")
    assert call(*line, env=environment).stdout.startswith("compiled 0 forms of kernels, 2 were")
    assert call(*line[:-1], "no such kernel", env=environment).returncode == 2
