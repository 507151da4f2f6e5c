"""libcudart.so.12: its own structure layouts and signatures over the same client."""

from __future__ import annotations

import os
from typing import Any

from cuda_process import check, ffi, isolated, upload

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import LIB, client

PROTOTYPES = """
int cudaGetDeviceProperties_v2(struct cudaDeviceProp12 *, int);
int cudaStreamGetCaptureInfo_v2(void *, int *, unsigned long long *, void **, void ***, size_t *);
int cudaStreamGetCaptureInfo_v3(void *, int *, unsigned long long *, void **, void ***, void **, size_t *);
int cudaStreamUpdateCaptureDependencies(void *, void **, size_t, unsigned);
int cudaGraphAddDependencies(void *, void **, void **, size_t);
int cudaGraphNodeGetDependencies(void *, void **, size_t *);
int cudaMemPrefetchAsync(void *, size_t, int, void *);
"""


def runtime12() -> Any:
    assert client
    ffi.cdef(PROTOTYPES)
    return ffi.dlopen(str(LIB / "libmaf_cudart12.so"))


@isolated()
def test_properties_in_both_layouts() -> None:
    rt = runtime12()
    room = ffi.new("char[2048]", b"\x7f" * 2047)
    prop = ffi.cast("struct cudaDeviceProp12 *", room)
    check(rt.cudaGetDeviceProperties_v2(prop, 0))
    assert ffi.sizeof(prop[0]) == 1032 and room[1032] == b"\x7f"
    assert (prop.major, prop.minor, prop.warpSize) == (7, 5, 32)
    assert prop.clockRate > 0 and prop.multiProcessorCount > 0 and prop.maxThreadsPerMultiProcessor == 1024
    old = ffi.new("char[2048]", b"\x7f" * 2047)
    check(rt.cudaGetDeviceProperties(old, 0))
    assert ffi.buffer(old, 712)[:] == ffi.buffer(room, 712)[:]
    assert old[728] == b"\x7f"  # the CUDA 11 structure is shorter
    version = ffi.new("int *")
    check(rt.cudaRuntimeGetVersion(version))
    assert 12000 <= version[0] < 13000


@isolated()
def test_capture_and_graph_signatures() -> None:
    rt = runtime12()
    s, p = ffi.new("cudaStream_t *"), upload(b"\0" * 4)
    check(rt.cudaStreamCreateWithFlags(s, 1))
    check(rt.cudaStreamBeginCapture(s[0], 2))
    check(rt.cudaMemsetAsync(p, 1, 4, s[0]))
    status, number, graph = ffi.new("int *"), ffi.new("unsigned long long *"), ffi.new("void **")
    deps, count, edges = ffi.new("void ***"), ffi.new("size_t *"), ffi.new("void **")
    check(rt.cudaStreamGetCaptureInfo_v2(s[0], status, number, graph, deps, count))
    assert (status[0], count[0]) == (1, 1)
    first = ffi.new("void *[1]", [deps[0][0]])
    check(rt.cudaStreamUpdateCaptureDependencies(s[0], ffi.NULL, 0, 1))  # the next node starts a new root
    check(rt.cudaMemsetAsync(p, 2, 4, s[0]))
    check(rt.cudaStreamGetCaptureInfo_v3(s[0], status, number, graph, deps, edges, count))
    second = ffi.new("void *[1]", [deps[0][0]])
    check(rt.cudaGraphNodeGetDependencies(second[0], ffi.NULL, count))
    assert count[0] == 0
    check(rt.cudaGraphAddDependencies(graph[0], first, second, 1))
    check(rt.cudaGraphNodeGetDependencies(second[0], ffi.NULL, count))
    assert count[0] == 1
    check(rt.cudaStreamEndCapture(s[0], graph))


@isolated()
def test_prefetch_takes_a_device_number() -> None:
    rt = runtime12()
    p = ffi.new("void **")
    check(rt.cudaMallocManaged(p, 100, 1))
    check(rt.cudaMemPrefetchAsync(p[0], 100, 0, ffi.NULL))
    assert rt.cudaMemPrefetchAsync(ffi.new("char[100]"), 100, 0, ffi.NULL) == 1
