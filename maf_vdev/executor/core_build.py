"""cffi build of ``maf_vdev.executor._core``: the executor's C core, from the C files in core/.

``setup.py`` lists it in ``cffi_modules``; ``python setup.py build_ext --inplace`` builds it in the tree.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import cffi

HERE = Path(__file__).resolve().parent
CORE = HERE / "core"
ROOT = HERE.parent.parent
FLAGS = ["-std=gnu11", "-O2", "-g1", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Wno-missing-field-initializers"]

# Called from C under the GIL; defined by the executor's planner and by devices/cpu.py.
CALLBACKS = """
extern "Python" int maf_py_prepare(uint32_t kernel, uint32_t variant);
extern "Python" int maf_py_run_op(uint32_t plan, const uint64_t *pointers, uint32_t count, const void *scalars,
                                  uint32_t bytes);
extern "Python" maf_warp_fn maf_py_slow(uint64_t cookie);
"""


def _declarations(header: Path) -> str:
    """A header's text without the preprocessor lines and the C++ guard, for cffi."""
    text = header.read_text()
    text = re.sub(r"#ifdef __cplusplus.*?#endif\n", "", text, flags=re.DOTALL)
    return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)


def _relative(path: Path) -> str:
    """setuptools wants source paths relative to setup.py."""
    return os.path.relpath(path, os.getcwd())


def make() -> cffi.FFI:
    """The builder. Every C and assembly file in core/ is compiled in; each op_*.h adds its declarations."""
    from distutils.unixccompiler import UnixCCompiler

    if ".S" not in UnixCCompiler.src_extensions:
        UnixCCompiler.src_extensions.append(".S")
    ops = [header for header in sorted(CORE.glob("op_*.h")) if header.with_suffix(".c").is_file()]
    names = (
        "cpu_launch",
        "thread_launch",
        "opencl_launch",
        "hip_launch",
        "own_memory",
        "device_op",
        "device_library",
        "override",
    )
    launchers = [CORE / f"{name}.h" for name in names]
    builder = cffi.FFI()
    for header in (ROOT / "shim" / "protocol.h", CORE / "core_api.h", *launchers, *ops):
        builder.cdef(_declarations(header))
    builder.cdef(CALLBACKS)
    includes = [
        '#include "core.h"',
        *(f'#include "{header.name}"' for header in launchers),
        *(f'#include "{header.name}"' for header in ops),
    ]
    builder.set_source(
        "maf_vdev.executor._core",
        "\n".join(includes),
        sources=[_relative(path) for path in sorted([*CORE.glob("*.c"), *CORE.glob("*.S")])],
        include_dirs=[_relative(CORE), _relative(ROOT / "shim")],
        depends=[_relative(path) for path in sorted(CORE.glob("*.h"))],
        extra_compile_args=FLAGS,
        libraries=["m", "pthread", "dl"],
    )
    return builder


ffibuilder = make()
