"""oneDNN 3.x through its C API: engine, stream, and Python objects that own the library's.

The library is found in this order: MAF_DNNL (a path), the onednn-cpu-gomp wheel, the system's libdnnl.so.3.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from typing import Any

import cffi

from maf_vdev.modnn import gemm as g
from maf_vdev.modnn.providers.openblas import threads

SONAME = "libdnnl.so.3"
# dnnl_data_type_t of maf_dtype.
DATA_TYPES = {g.F16: 1, g.BF16: 2, g.F32: 3, g.I32: 4, g.I8: 5, g.U8: 6, g.F64: 7}
FORWARD_TRAINING, FORWARD_INFERENCE, BACKWARD, BACKWARD_DATA, BACKWARD_WEIGHTS = 64, 96, 128, 160, 192
IMPLEMENTATION, SCRATCHPAD_DESCRIPTION = 8, 136  # dnnl_query_t
SCRATCHPAD_USER = 1  # dnnl_scratchpad_mode_t

ffi = cffi.FFI()
ffi.cdef("""
typedef int64_t dnnl_dims_t[12];
int dnnl_engine_create(void **engine, int kind, size_t index);
int dnnl_stream_create(void **stream, void *engine, unsigned flags);
int dnnl_stream_wait(void *stream);
int dnnl_memory_desc_create_with_strides(void **desc, int ndims, const int64_t *dims, int type, const int64_t *strides);
int dnnl_memory_desc_create_with_tag(void **desc, int ndims, const int64_t *dims, int type, int tag);
int dnnl_memory_desc_destroy(void *desc);
size_t dnnl_memory_desc_get_size(const void *desc);
int dnnl_memory_desc_equal(const void *a, const void *b);
int dnnl_memory_create(void **memory, const void *desc, void *engine, void *handle);
int dnnl_memory_destroy(void *memory);
int dnnl_memory_set_data_handle(void *memory, void *handle);
int dnnl_primitive_attr_create(void **attr);
int dnnl_primitive_attr_destroy(void *attr);
int dnnl_primitive_attr_set_post_ops(void *attr, const void *post_ops);
int dnnl_primitive_attr_set_scratchpad_mode(void *attr, int mode);
int dnnl_primitive_attr_set_fpmath_mode(void *attr, int mode);
int dnnl_post_ops_create(void **post_ops);
int dnnl_post_ops_destroy(void *post_ops);
int dnnl_post_ops_append_sum(void *post_ops, float scale, int32_t zero_point, int type);
int dnnl_matmul_primitive_desc_create(void **desc, void *engine, const void *src, const void *weights,
                                      const void *bias, const void *dst, const void *attr);
const void *dnnl_primitive_desc_query_md(const void *desc, int what, int index);
int dnnl_primitive_desc_query(const void *desc, int what, int index, void *result);
int dnnl_primitive_desc_destroy(void *desc);
int dnnl_primitive_create(void **primitive, const void *desc);
int dnnl_primitive_execute(const void *primitive, void *stream, int nargs, const void *args);
int dnnl_primitive_destroy(void *primitive);
""")


class DnnlError(RuntimeError):
    """A call returned a status other than success; `status` is dnnl_status_t (2 invalid arguments, 3 unimplemented)."""

    def __init__(self, function: str, status: int) -> None:
        super().__init__(f"{function} returned {status}")
        self.status = status


def _places() -> list[str]:
    places = [os.environ["MAF_DNNL"]] if os.environ.get("MAF_DNNL") else []
    try:
        files = importlib.metadata.files("onednn-cpu-gomp") or []
        places += [str(f.locate()) for f in files if f.name == SONAME]
    except importlib.metadata.PackageNotFoundError:
        pass
    return [*places, SONAME]


@functools.cache
def library() -> Any:
    """The cffi handle of the library. OSError when there is none."""
    # Read by libgomp when it is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", str(threads()))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    errors = []
    for place in _places():
        try:
            return ffi.dlopen(place)
        except OSError as error:
            errors.append(str(error))
    raise OSError("; ".join(errors))


def call(function: str, *args: Any) -> None:
    """Calls a function that returns dnnl_status_t; DnnlError unless it succeeds."""
    status = getattr(library(), function)(*args)
    if status:
        raise DnnlError(function, status)


def make(function: str, destroy: str | None, *args: Any) -> Any:
    """Calls a function whose first parameter receives a new object; the object is destroyed with its Python owner."""
    out = ffi.new("void **")
    call(function, out, *args)
    return ffi.gc(out[0], getattr(library(), destroy)) if destroy else out[0]


@functools.cache
def engine() -> Any:
    """The CPU engine, for the life of the process."""
    return make("dnnl_engine_create", None, 1, 0)


@functools.cache
def stream() -> Any:
    """One in-order stream, for the life of the process."""
    return make("dnnl_stream_create", None, engine(), 1)


def strided(dims: Sequence[int], kind: int, strides: Sequence[int]) -> Any:
    """Memory descriptor with element strides; `kind` is a maf_dtype."""
    return make(
        "dnnl_memory_desc_create_with_strides",
        "dnnl_memory_desc_destroy",
        len(dims),
        list(dims),
        DATA_TYPES[kind],
        list(strides),
    )


def memory(desc: Any, handle: Any = ffi.NULL) -> Any:
    """Memory object on `desc`; its address is set at execution."""
    return make("dnnl_memory_create", "dnnl_memory_destroy", desc, engine(), handle)


def attributes(add_to: int | None = None) -> Any:
    """Attributes of a primitive whose scratchpad the caller provides: the library's own belongs to the thread that
    made the primitive. add_to: type of the destination, to add to it instead of overwriting it."""
    made = make("dnnl_primitive_attr_create", "dnnl_primitive_attr_destroy")
    call("dnnl_primitive_attr_set_scratchpad_mode", made, SCRATCHPAD_USER)
    if add_to is not None:
        post_ops = make("dnnl_post_ops_create", "dnnl_post_ops_destroy")
        call("dnnl_post_ops_append_sum", post_ops, 1.0, 0, DATA_TYPES[add_to])
        call("dnnl_primitive_attr_set_post_ops", made, post_ops)
    return made


def scratchpad(desc: Any) -> Any:
    """Memory descriptor of a primitive's scratchpad, owned by `desc`; NULL if it needs none."""
    found = library().dnnl_primitive_desc_query_md(desc, SCRATCHPAD_DESCRIPTION, 0)
    return found if found and library().dnnl_memory_desc_get_size(found) else ffi.NULL


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Primitives made inside run on the thread that executes them."""
    library()
    try:
        gomp = ctypes.CDLL("libgomp.so.1")
    except OSError:
        yield
        return
    threads = gomp.omp_get_max_threads()
    gomp.omp_set_num_threads(1)
    try:
        yield
    finally:
        gomp.omp_set_num_threads(threads)


def primitive(desc: Any) -> Any:
    """The primitive of a primitive descriptor."""
    return make("dnnl_primitive_create", "dnnl_primitive_destroy", desc)


def implementation(desc: Any) -> str:
    """Name of the implementation a primitive descriptor stands for, "ref:any" for the slow one."""
    text = ffi.new("char **")
    call("dnnl_primitive_desc_query", desc, IMPLEMENTATION, 0, text)
    return ffi.string(text[0]).decode()


def address(function: str) -> int:
    """Address of a function of the library."""
    return int(ffi.cast("uintptr_t", ffi.addressof(library(), function)))
