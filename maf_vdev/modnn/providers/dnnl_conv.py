"""What convolution needs of oneDNN's C API beyond dnnl.py: primitive descriptors, reorders, queries."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from maf_vdev.modnn import native
from maf_vdev.modnn.providers import dnnl

dnnl.ffi.cdef("""
typedef struct { int arg; void *memory; } maf_dnnl_arg;
int dnnl_reorder_primitive_desc_create(void **desc, const void *src, void *src_engine, const void *dst,
                                       void *dst_engine, const void *attr);
int dnnl_convolution_forward_primitive_desc_create(
    void **desc, void *engine, int prop, int algorithm, const void *src, const void *weights, const void *bias,
    const void *dst, const int64_t *strides, const int64_t *dilates, const int64_t *padding_l,
    const int64_t *padding_r, const void *attr);
int dnnl_convolution_backward_data_primitive_desc_create(
    void **desc, void *engine, int algorithm, const void *diff_src, const void *weights, const void *diff_dst,
    const int64_t *strides, const int64_t *dilates, const int64_t *padding_l, const int64_t *padding_r,
    const void *hint, const void *attr);
int dnnl_convolution_backward_weights_primitive_desc_create(
    void **desc, void *engine, int algorithm, const void *src, const void *diff_weights, const void *diff_bias,
    const void *diff_dst, const int64_t *strides, const int64_t *dilates, const int64_t *padding_l,
    const int64_t *padding_r, const void *hint, const void *attr);
""")

NULL = dnnl.ffi.NULL
CONVOLUTION_DIRECT, FORMAT_ANY, SCRATCHPAD_USER = 1, 1, 1
# Arguments of primitives, and the queries for their memory descriptors.
SRC, DST, WEIGHTS, SCRATCHPAD, DIFF_SRC, DIFF_DST, DIFF_WEIGHTS = 1, 17, 33, 80, 129, 145, 161
QUERY = {SRC: 129, DIFF_SRC: 130, WEIGHTS: 131, DIFF_WEIGHTS: 132, DST: 133, DIFF_DST: 134, SCRATCHPAD: 136}


def any_format(dims: Sequence[int], kind: int) -> Any:
    """Memory descriptor whose layout the primitive chooses; `kind` is a maf_dtype."""
    args = (len(dims), list(dims), dnnl.DATA_TYPES[kind], FORMAT_ANY)
    return dnnl.make("dnnl_memory_desc_create_with_tag", "dnnl_memory_desc_destroy", *args)


@functools.cache
def attributes() -> Any:
    """Attributes that make the scratchpad an argument of the caller."""
    made = dnnl.make("dnnl_primitive_attr_create", "dnnl_primitive_attr_destroy")
    dnnl.call("dnnl_primitive_attr_set_scratchpad_mode", made, SCRATCHPAD_USER)
    return made


def description(name: str, *args: Any) -> Any:
    """The primitive descriptor made by dnnl_<name>_primitive_desc_create."""
    return dnnl.make(f"dnnl_{name}_primitive_desc_create", "dnnl_primitive_desc_destroy", *args)


def reorder(src: Any, dst: Any) -> Any:
    """Primitive descriptor of a conversion between two memory descriptors."""
    return description("reorder", src, dnnl.engine(), dst, dnnl.engine(), attributes())


def query(desc: Any, argument: int) -> Any:
    """The memory descriptor that a primitive uses for an argument; valid as long as the primitive descriptor."""
    return dnnl.library().dnnl_primitive_desc_query_md(desc, QUERY[argument], 0)


def size(md: Any) -> int:
    """Bytes of memory that a memory descriptor spans."""
    return int(dnnl.library().dnnl_memory_desc_get_size(md))


def equal(a: Any, b: Any) -> bool:
    """Whether two memory descriptors describe the same layout."""
    return bool(dnnl.library().dnnl_memory_desc_equal(a, b))


def arguments(pairs: dict[int, Any]) -> Any:
    """The array that dnnl_primitive_execute takes."""
    return dnnl.ffi.new("maf_dnnl_arg[]", [{"arg": arg, "memory": memory} for arg, memory in pairs.items()])


def pointer(p: Any) -> Any:
    """A void pointer of the library for closures of the core."""
    return native.ffi.cast("void *", int(dnnl.ffi.cast("uintptr_t", p)))


def functions() -> tuple[Any, ...]:
    """execute, set_handle, wait, stream of struct maf_conv."""
    kinds = {
        "dnnl_primitive_execute": "int (*)(const void *, void *, int, const void *)",
        "dnnl_memory_set_data_handle": "int (*)(void *, void *)",
        "dnnl_stream_wait": "int (*)(void *)",
    }
    found = [native.ffi.cast(kind, dnnl.address(name)) for name, kind in kinds.items()]
    return (*found, pointer(dnnl.stream()))
