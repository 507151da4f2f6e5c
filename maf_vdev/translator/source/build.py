"""CUDA C++ source text to a shared object whose kernels have the launcher's warp ABI.

Compilers, the first found: MAF_CXX, g++, clang++, PyPI's ziglang. What NVRTC accepts and a host compiler does not is
rewritten where its meaning is plain (dynamic shared memory, half precision conversions); other inline PTX is an error.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PRELUDE = Path(__file__).with_name("prelude.h")
# Number of the layout that prelude.h and image.py share; in the image, so that cached images of another one are refused.
LAYOUT = 1
LAYOUT_SYMBOL = "maf_layout"

FLAGS = [
    "-x", "c++", "-O2", "-fPIC", "-shared", "-nostdlib", "-nostdinc++", "-fvisibility=hidden", "-fno-exceptions",
    "-fno-rtti", "-fno-math-errno", "-ffp-contract=off", "-fno-strict-aliasing", "-w", "-s",
]  # fmt: skip
TIMEOUT_SECONDS = 300

# Calls that need the other lanes of the warp or of the CTA.
_SYNCHRONISES = re.compile(r"\b(__syncthreads|__syncwarp|__shfl\w*|__ballot_sync|__any_sync|__all_sync)\s*\(")
_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_KERNEL = re.compile(r"\b__global__\b(?P<between>[^;{}()]*(?:\([^()]*\)[^;{}()]*)?)\(")
_DYNAMIC_SHARED = re.compile(r"\bextern\s+__shared__\s+(?:__align__\s*\(\d+\)\s*)?([\w:<>, ]+?)\s+(\w+)\s*\[\s*\]\s*;")
# Inline PTX with one result and one operand.
_ASM = re.compile(
    r'\basm\s*(?:volatile\s*)?\(\s*"\{?\s*(?P<code>[^"]*?);\s*\}?\s*(?:\\n)?"\s*'
    r':\s*"=\w"\s*\((?P<result>[^()"]*)\)\s*:\s*"\w"\s*\((?P<operand>[^"]*?)\)\s*\)\s*;'
)
PTX = {
    "cvt.rn.f16.f32 %0, %1": "{result} = maf_half_bits({operand});",
    "cvt.f32.f16 %0, %1": "{result} = maf_half_value({operand});",
    "mov.b32 %0, {0,%1}": "{result} = maf_bits<float>((unsigned)({operand}) << 16);",
}


class SourceError(Exception):
    """The text cannot be compiled; the message is the program's log."""


@functools.cache
def compiler() -> tuple[str, ...] | None:
    """Command of a C++ compiler, None if there is none."""
    chosen = os.environ.get("MAF_CXX")
    if chosen:
        return tuple(shlex.split(chosen))
    for name in ("g++", "clang++"):
        found = shutil.which(name)
        if found:
            return (found,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "c++")
    return None


def without_comments(source: str) -> str:
    """The text with comments removed and strings kept."""
    return _COMMENT.sub(lambda match: match[0] if match[0].startswith('"') else " ", source)


def kernels(source: str) -> list[str]:
    """Names of the kernels that a program's text defines, templates aside. `source` is without comments."""
    names = []
    for match in _KERNEL.finditer(source):
        words = re.findall(r"\w+", re.sub(r"\([^()]*\)", "", match["between"]))
        before = source[: match.start()].rstrip()
        template = re.search(r"template\s*<[^;{}]*>\s*(?:static\s*|inline\s*)*$", before)
        if "void" in words and words[-1] != "void" and not template and words[-1] not in names:
            names.append(words[-1])
    return names


def rewrite(source: str) -> str:
    """What a host compiler needs instead of the few constructs that only a device compiler knows."""

    def plain(match: re.Match[str]) -> str:
        meaning = PTX.get(" ".join(match["code"].split()))
        return meaning.format(result=match["result"], operand=match["operand"]) if meaning else match[0]

    return _DYNAMIC_SHARED.sub(r"\1 *\2 = (\1 *)maf_dynamic_shared();", _ASM.sub(plain, source))


def translation_unit(source: str, name: str) -> str:
    """The complete text for the compiler. Raises SourceError if the program has no kernel."""
    bare = without_comments(source)
    found = kernels(bare)
    if not found:
        raise SourceError(f"{name}: error: the program defines no kernel that is not a template\n")
    fibres = "true" if _SYNCHRONISES.search(bare) else "false"
    entries = "".join(f"MAF_KERNEL({kernel}, {fibres})\n" for kernel in found)
    marks = (
        f'extern "C" __attribute__((visibility("default"))) const unsigned {LAYOUT_SYMBOL} = {LAYOUT};\n'
        f'extern "C" __attribute__((visibility("default"))) const unsigned maf_fibres = {fibres};\n'
    )
    file = name.replace("\\", "/").replace('"', "'")
    return f'#include "{PRELUDE}"\n#line 1 "{file}"\n{rewrite(source)}\n#line 1 "entries"\n{entries}{marks}'


def options_for(options: list[str]) -> list[str]:
    """NVRTC's options that mean something here; the others (architecture, fast math) change no result's meaning."""
    kept, standard = [], "-std=c++17"
    for option in options:
        if re.match(r"-{1,2}std=", option):
            standard = "-std=" + option.split("=", 1)[1]
        elif re.match(r"-[DUI].", option):
            kept.append(option)
        elif match := re.match(r"--(?:define-macro|undefine-macro|include-path)=(.*)", option):
            kept.append({"d": "-D", "u": "-U", "i": "-I"}[option[2]] + match[1])
    # The prelude needs C++20 (bit_cast, template parameters of any type).
    return ["-std=c++20" if standard in ("-std=c++11", "-std=c++14", "-std=c++17") else standard, *kept]


def write_headers(headers: tuple[tuple[str, str], ...], folder: Path) -> Path:
    """Headers in memory as files. A name that leaves the folder is an error, as in SourceError."""
    for name, text in headers:
        path = Path(os.path.normpath(folder / name))
        if not path.is_relative_to(folder):
            raise SourceError(f"{name}: error: a header's name that is no path below the program's\n")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, errors="surrogateescape")
    return folder


def build(
    source: str,
    options: list[str],
    name: str = "default_program",
    headers: tuple[tuple[str, str], ...] = (),
    directory: str = "/",
) -> bytes:
    """The shared object's bytes. headers: include name and text. directory: where relative paths start.
    Raises SourceError with the log."""
    command = compiler()
    if command is None:
        raise SourceError(
            f"{name}: error: MAF vdev compiles this at run time and found no compiler: pip install "
            "nvidia-cuda-nvrtc, or install g++, clang++ or PyPI's ziglang, or name one in MAF_CXX\n"
        )
    text = translation_unit(source, name)
    with tempfile.TemporaryDirectory(prefix="maf-vdev-") as folder:
        unit, target = Path(folder, "program.cpp"), Path(folder, "program.so")
        unit.write_text(text, errors="surrogateescape")
        includes = [f"-I{write_headers(headers, Path(folder, 'include'))}"] if headers else []
        arguments = [
            *command,
            *FLAGS,
            *includes,
            *options_for(options),
            str(unit),
            "-o",
            str(target),
            "-x",
            "none",
            "-lm",
            "-lc",
        ]
        try:
            done = subprocess.run(
                arguments, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False,
                cwd=directory if os.path.isdir(directory) else folder, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(f"{name}: error: {error}\n") from None
        if done.returncode:
            raise SourceError(done.stderr or f"{name}: error: {command[0]} ended with {done.returncode}\n")
        return target.read_bytes()
