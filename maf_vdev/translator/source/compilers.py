"""Which compiler a program gets: a real NVRTC library where there is one, else a C++ compiler of the machine."""

from __future__ import annotations

from maf_vdev.translator.source import build, nvrtc
from maf_vdev.translator.source.program import (
    COMPILATION,
    NAME_EXPRESSION_NOT_VALID,
    SUCCESS,
    Compiled,
    CompilerInfo,
    Program,
)

LEAST_ARCH = 75  # without a word about it, the oldest architecture is meant, as with NVRTC 13


def host_info() -> CompilerInfo:
    """Of the machine's C++ compiler. CUDA never had minor numbers near this one. Images of another layout are of no use,
    nor are caches that hold them."""
    return CompilerInfo((0, 96 + build.LAYOUT), tuple(sorted({LEAST_ARCH, nvrtc.capability()})))


def info() -> CompilerInfo:
    """The compiler that `compile` uses."""
    library = nvrtc.library()
    try:
        return library.info() if library else host_info()
    except nvrtc.NoCompiler:
        return host_info()


def compile(program: Program) -> Compiled:
    """The program's code and log; errors are in the result's status."""
    library = nvrtc.library()
    try:
        return library.compile(program) if library else _host(program)
    except nvrtc.NoCompiler as error:
        log = f"{program.name}: error: no CUDA C++ compiler: {error} (named by {nvrtc.SETTING}; {nvrtc.PIP_LINE})\n"
        return Compiled(COMPILATION, log=log)


def _host(program: Program) -> Compiled:
    arch = nvrtc.split_options(program.options)[1]
    number = min((arch and nvrtc.arch_number(arch)) or LEAST_ARCH, nvrtc.capability())
    options = [f"-D__CUDA_ARCH__={10 * number}", *program.options]
    try:
        image = build.build(program.source, options, program.name, program.headers, program.directory)
    except build.SourceError as error:
        hint = f"MAF vdev: {nvrtc.PIP_LINE} in the environment of maf-exec gives it NVIDIA's compiler\n"
        return Compiled(COMPILATION, log=str(error) + hint)
    kernels = build.kernels(build.without_comments(program.source))
    names = tuple(_lowered(expression, kernels) for expression in program.expressions)
    if "" in names:
        wrong = program.expressions[names.index("")]
        log = (
            f"{program.name}: error: {wrong} names no kernel, and templates need NVIDIA's compiler: {nvrtc.PIP_LINE}\n"
        )
        return Compiled(NAME_EXPRESSION_NOT_VALID, log=log)
    return Compiled(SUCCESS, image, names=names)


def _lowered(expression: str, kernels: list[str]) -> str:
    """A kernel's name in a host-compiled image, which is its name in the source."""
    name = expression.strip().removeprefix("&").strip().rpartition("::")[2]
    return name if name in kernels else ""
