"""Build the preloadable libraries into maf_vdev/lib: libmaf_client.so and one shared object per CUDA SONAME.

    python tools/build_shim.py [--output DIR] [--force]

setup.py calls build(). Only what changed is rebuilt: each output's command line is kept beside it, and gcc's
dependency files name the headers. Environment: CC (compiler), MAF_ZIG=1 (PyPI's ziglang, for a binary that needs
nothing newer than glibc 2.28), MAF_DEBUG=1 (debug information, not stripped).
"""

from __future__ import annotations

import argparse
import fcntl
import filecmp
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import gen_stubs

SHIM = ROOT / "shim"
CLIENT = SHIM / "client"
CLIENT_FILE = "libmaf_client.so"
LINK_FOLDER = "link"  # beside the libraries: the driver under the names that compilers and Triton look for
ZIG = (sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu.2.28")
ZIG_PLATFORM = "manylinux_2_28_x86_64"  # of a wheel whose files that compiler made

# No frame of the shim is unwound: host callbacks may not throw, and the tables would be a tenth of every library.
COMPILE = ["-std=gnu11", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror", "-fno-asynchronous-unwind-tables"]
CLIENT_SPEED = ["-O2"]  # the launch path
FRONT_SIZE = ["-Os"]  # argument checks, each run once per library call
# Lazy binding: a process that never calls CUDA resolves nothing. nodelete: registrations and threads outlive dlclose.
# nostartfiles: crtbegin's constructor and destructor entries are all it would add.
LINK = [
    "-shared",
    "-nostartfiles",
    "-pthread",
    "-Wl,-z,relro",
    "-Wl,-z,lazy",
    "-Wl,-z,nodelete",
    "-Wl,-z,noexecstack",
    "-Wl,--as-needed",
    "-Wl,--hash-style=gnu",
    "-Wl,-Bsymbolic",
]
LINK_GCC = ["-Wl,-z,noseparate-code", "-Wl,-z,defs"]
# atexit() of libc_nonshared.a names this; crtbegin would define it.
DSO_HANDLE = '__attribute__((visibility("hidden"))) void *const __dso_handle = (void *)&__dso_handle;\n'


@dataclass(frozen=True)
class Toolchain:
    compiler: tuple[str, ...]
    link: tuple[str, ...]
    tag: str

    @staticmethod
    def from_environment() -> Toolchain:
        debug = os.environ.get("MAF_DEBUG") == "1"
        extra = ("-g", "-fasynchronous-unwind-tables") if debug else ()
        strip = () if debug else ("-Wl,--strip-all",)
        if os.environ.get("MAF_ZIG") == "1":
            extra += () if debug else ("-fno-unwind-tables",)
            return Toolchain(ZIG + extra, tuple(LINK) + strip, "zig")
        compiler = tuple(shlex.split(os.environ.get("CC", "gcc")))
        return Toolchain(compiler + extra, tuple(LINK + LINK_GCC) + strip, "debug" if debug else "cc")


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def dependencies(depfile: Path) -> list[Path]:
    """Prerequisites in a make dependency file as gcc -MMD writes it."""
    if not depfile.exists():
        return []
    text = depfile.read_text().replace("\\\n", " ")
    return [Path(name) for name in text.split(":", 1)[1].split()]


def current(output: Path, command: list[str], inputs: list[Path]) -> bool:
    """Whether output was made by this very command and is newer than its inputs."""
    stamp = output.with_name(output.name + ".cmd")
    if not output.exists() or not stamp.exists() or stamp.read_text() != "\n".join(command):
        return False
    made = output.stat().st_mtime_ns
    return all(path.exists() and path.stat().st_mtime_ns <= made for path in inputs)


def run(command: list[str], output: Path) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{result.stdout}{result.stderr}")
    if result.stderr.strip():
        print(result.stderr, file=sys.stderr)
    output.with_name(output.name + ".cmd").write_text("\n".join(command))


def compile_object(tools: Toolchain, source: Path, output: Path, flags: list[str]) -> Path:
    depfile = output.with_suffix(".d")
    command = [*tools.compiler, *COMPILE, *flags, "-MMD", "-MF", str(depfile), "-c", str(source), "-o", str(output)]
    if not current(output, command, [source, *dependencies(depfile)]) or not depfile.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        run(command, output)
    return output


def link_shared(tools: Toolchain, objects: list[Path], output: Path, flags: list[str], inputs: list[Path]) -> Path:
    """inputs: further files that the link reads, libraries among them."""
    libraries = [str(path) for path in inputs if path.suffix == ".so"]
    command = [*tools.compiler, *tools.link, "-o", str(output), *map(str, objects), *libraries, *flags, "-ldl", "-lrt"]
    if not current(output, command, [*objects, *inputs]):
        output.parent.mkdir(parents=True, exist_ok=True)
        run(command, output)
    return output


def install(built: Path, folder: Path, name: str = "") -> Path:
    """Copy into folder if different, by rename: processes that mapped the old file keep it."""
    target = folder / (name or built.name)
    if not target.exists() or not filecmp.cmp(built, target, shallow=False):
        fresh = folder / f".{built.name}.{os.getpid()}"
        shutil.copyfile(built, fresh)
        fresh.chmod(0o755)
        fresh.replace(target)
    return target


def install_link_names(driver: Path, folder: Path) -> None:
    """libcuda.so.1, and libcuda.so that refers to it, for -lcuda. At run time the preloaded library has that SONAME."""
    folder.mkdir(parents=True, exist_ok=True)
    install(driver, folder, "libcuda.so.1")
    write_if_changed(folder / "libcuda.so", f"INPUT(libcuda.so.1 AS_NEEDED(../{CLIENT_FILE}))\n")


def global_functions(objects: list[Path]) -> set[str]:
    """Names of the functions that these object files define for other objects."""
    from elftools.elf.elffile import ELFFile

    names = set()
    for path in objects:
        with path.open("rb") as stream:
            symbols = ELFFile(stream).get_section_by_name(".symtab")
            names |= {
                symbol.name
                for symbol in symbols.iter_symbols()
                if symbol["st_info"]["bind"] == "STB_GLOBAL"
                and symbol["st_info"]["type"] == "STT_FUNC"
                and symbol["st_shndx"] != "SHN_UNDEF"
                and symbol["st_other"]["visibility"] == "STV_DEFAULT"
            }
    return names


def build_client(tools: Toolchain, work: Path) -> Path:
    dso_handle = work / "dso_handle.c"
    write_if_changed(dso_handle, DSO_HANDLE)
    flags = [*CLIENT_SPEED, "-fvisibility=hidden", f"-I{SHIM}", f"-I{CLIENT}"]
    sources = [*sorted(CLIENT.glob("*.c")), dso_handle]
    objects = [compile_object(tools, source, work / "client" / f"{source.stem}.o", flags) for source in sources]
    script = work / "client.map"
    # The client marks its interface by visibility; the node-less script only drops the compiler's own names.
    write_if_changed(script, "{\n    global:\n        maf_*;\n    local:\n        *;\n};\n")
    flags = [f"-Wl,-soname,{CLIENT_FILE}", f"-Wl,--version-script={script}"]
    return link_shared(tools, objects, work / "lib" / CLIENT_FILE, flags, inputs=[script])


def build_library(tools: Toolchain, library: gen_stubs.Library, major: str, work: Path) -> Path:
    """One shared object: the folder's C files over weak generated stubs."""
    folder = gen_stubs.STUB_DIR / library.name
    build = work / f"{library.name}{major}"
    rows = gen_stubs.entry_points(library.name, major)
    stub = build / "stubs.c"
    write_if_changed(stub, gen_stubs.stub_source(library, rows))
    # Exported names are chosen by the version script, so that a front need not mark its functions.
    includes = [f"-I{path}" for path in (folder, gen_stubs.STUB_DIR, CLIENT, SHIM)]
    flags = [*FRONT_SIZE, *includes, f"-DMAF_{library.name.upper()}_MAJOR={major}"]
    written = [
        compile_object(tools, source, build / f"{source.stem}.o", flags) for source in sorted(folder.glob("*.c"))
    ]
    stubs = compile_object(tools, stub, build / "stubs.o", [*flags, "-fno-builtin"])
    known = {row.symbol for row in rows}
    extra = {name for name in global_functions(written) if re.search(library.exports, name)} - known
    if extra:
        print(f"{library.name}: not in {gen_stubs.TABLE.name}: {' '.join(sorted(extra))}", file=sys.stderr)
    script = build / "exports.map"
    write_if_changed(script, gen_stubs.version_script(library, major, known | extra))
    flags = [
        f"-Wl,-soname,{library.soname(major)}",
        f"-Wl,--version-script={script}",
        "-Wl,-rpath,$ORIGIN",
        "-Wl,--enable-new-dtags",
    ]
    output = work / "lib" / library.file_name(major)
    return link_shared(tools, [*written, stubs], output, flags, inputs=[script, work / "lib" / CLIENT_FILE])


def build(output: Path = gen_stubs.LIB_DIR, force: bool = False) -> list[Path]:
    """Bring all libraries in `output` up to date; returns their paths. A failed compile ends the build with its text."""
    tools = Toolchain.from_environment()
    work = ROOT / "build" / "shim" / tools.tag
    work.parent.mkdir(parents=True, exist_ok=True)
    with open(work.parent / f"{tools.tag}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # builds of two processes would read each other's half-written objects
        return _build(tools, work, output, force)


def _build(tools: Toolchain, work: Path, output: Path, force: bool) -> list[Path]:
    if force and work.exists():
        shutil.rmtree(work)
    client = build_client(tools, work)
    jobs = [(library, major) for library in gen_stubs.read_libraries().values() for major in library.majors]
    with ThreadPoolExecutor(max_workers=2) as pool:
        built = [client, *pool.map(lambda job: build_library(tools, *job, work), jobs)]
    output.mkdir(parents=True, exist_ok=True)
    installed = [install(path, output) for path in built]
    for stale in set(output.glob("libmaf_*.so")) - set(installed):
        stale.unlink()
    install_link_names(output / gen_stubs.read_libraries()["cuda"].file_name("1"), output / LINK_FOLDER)
    return installed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=gen_stubs.LIB_DIR)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args()
    libraries = build(arguments.output.resolve(), arguments.force)
    total = sum(path.stat().st_size for path in libraries)
    print(f"{len(libraries)} libraries, {total / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
