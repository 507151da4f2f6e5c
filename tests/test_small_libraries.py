"""NVML, CUPTI, cuRAND, cuSPARSE handles, NCCL and cuFile through their entry points."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")


def load(name: str, header: str) -> tuple[Any, Any]:
    """cffi with the library's own declarations, and the library."""
    ffi = cffi.FFI()
    ffi.cdef(d.declarations(header))
    return ffi, ffi.dlopen(str(d.LIB / f"libmaf_{name}.so"))


def run(code: str, **environment: str) -> str:
    """Output of Python source in a process with its own environment: settings are read once per process."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "MAF_PYTHON": sys.executable}
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, env=variables | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout


# --- NVML ---------------------------------------------------------------------------------------------------------

NVML = f"""
import cffi
ffi = cffi.FFI()
ffi.cdef({d.declarations("nvml/nvml.h")!r})
LIB = {str(d.LIB)!r}
nvml = ffi.dlopen(LIB + "/libmaf_nvml1.so")
def ok(status):
    assert status == 0, status
"""
TEXT = """
def text(function, *arguments):
    out = ffi.new("char[128]")
    ok(function(*arguments, out, 128))
    return ffi.string(out).decode()
def device(index):
    out = ffi.new("nvmlDevice_t *")
    ok(nvml.nvmlDeviceGetHandleByIndex_v2(index, out))
    return out[0]
ok(nvml.nvmlInit_v2())
"""


def test_nvml_needs_init() -> None:
    code = "n = ffi.new('unsigned int *'); print(nvml.nvmlDeviceGetCount_v2(n)); print(nvml.nvmlShutdown())"
    assert run(NVML + code) == "1\n1\n"  # NVML_ERROR_UNINITIALIZED


def test_nvml_counts_all_devices_and_starts_nothing() -> None:
    """NVML ignores CUDA_VISIBLE_DEVICES, and counting must not start an executor: programs fork after it."""
    code = TEXT + "n = ffi.new('unsigned int *'); ok(nvml.nvmlDeviceGetCount_v2(n)); print(n[0])\n"
    code += "import os; print(open(f'/proc/self/task/{os.getpid()}/children').read().split())"
    assert run(NVML + code, MAF_COUNT="3", CUDA_VISIBLE_DEVICES="1") == "3\n[]\n"


def test_nvml_finds_a_device_by_uuid_and_bus() -> None:
    code = (
        TEXT
        + """
pci, found = ffi.new("nvmlPciInfo_t *"), ffi.new("nvmlDevice_t *")
for i in range(2):
    uuid = text(nvml.nvmlDeviceGetUUID, device(i))
    ok(nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), found))
    assert found[0] == device(i)
    ok(nvml.nvmlDeviceGetPciInfo_v3(device(i), pci))
    for name in (ffi.string(pci.busId), ffi.string(pci.busIdLegacy)):
        ok(nvml.nvmlDeviceGetHandleByPciBusId_v2(name, found))
        assert found[0] == device(i)
    print(uuid, ffi.string(pci.busId).decode(), ffi.string(pci.busIdLegacy).decode())
print(nvml.nvmlDeviceGetHandleByUUID(b"GPU-0", found), nvml.nvmlDeviceGetHandleByPciBusId_v2(b"0000:77:00.0", found))
print(nvml.nvmlDeviceGetHandleByIndex_v2(2, found))
"""
    )
    lines = run(NVML + code, MAF_COUNT="2").splitlines()
    assert lines[2:] == ["6 6", "2"]  # NOT_FOUND, INVALID_ARGUMENT
    assert len({line for line in lines[:2]}) == 2
    assert all(
        re.fullmatch(r"GPU(-[0-9a-f]{4,12}){5} [0-9A-F]{8}(:[0-9A-F]{2}){2}\.0 [0-9A-F]{4}.*", x) for x in lines[:2]
    )


def test_nvml_agrees_with_the_runtime() -> None:
    """With a device hidden, the runtime's device 0 and NVML's device 1 are the same."""
    code = (
        TEXT
        + """
import ctypes
runtime = ctypes.CDLL(LIB + "/libmaf_cudart13.so")
name = ctypes.create_string_buffer(32)
assert runtime.cudaDeviceGetPCIBusId(name, 32, 0) == 0
found, memory, wide = ffi.new("nvmlDevice_t *"), ffi.new("nvmlMemory_t *"), ffi.new("nvmlMemory_v2_t *")
ok(nvml.nvmlDeviceGetHandleByPciBusId_v2(name.value, found))
print(found[0] == device(1))
free, total, p = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_void_p()
assert runtime.cudaMalloc(ctypes.byref(p), ctypes.c_size_t(64 << 20)) == 0
runtime.cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total))
ok(nvml.nvmlDeviceGetMemoryInfo(device(1), memory))
wide.version = 2 << 24 | ffi.sizeof("nvmlMemory_v2_t")
ok(nvml.nvmlDeviceGetMemoryInfo_v2(device(1), wide))
print(memory.total == total.value == wide.total, memory.free == free.value == wide.free, memory.used >= 64 << 20)
ok(nvml.nvmlDeviceGetMemoryInfo(device(0), memory))
print(memory.used)
wide.version = 1
print(nvml.nvmlDeviceGetMemoryInfo_v2(device(1), wide))
"""
    )
    out = run(NVML + code, MAF_COUNT="2", CUDA_VISIBLE_DEVICES="1", MAF_MEMORY="1G")
    assert out == "True\nTrue True True\n0\n25\n"  # NVML_ERROR_ARGUMENT_VERSION_MISMATCH


def test_nvml_processes_are_this_one_once_it_computes() -> None:
    code = (
        TEXT
        + """
import ctypes, os
count, infos = ffi.new("unsigned int *", 8), ffi.new("nvmlProcessInfo_t[8]")
ok(nvml.nvmlDeviceGetComputeRunningProcesses_v3(device(0), count, infos))
print(count[0])
runtime, p = ctypes.CDLL(LIB + "/libmaf_cudart13.so"), ctypes.c_void_p()
assert runtime.cudaMalloc(ctypes.byref(p), ctypes.c_size_t(1 << 20)) == 0
count[0] = 8
ok(nvml.nvmlDeviceGetComputeRunningProcesses_v3(device(0), count, infos))
print(count[0], infos[0].pid == os.getpid(), infos[0].usedGpuMemory >= 1 << 20)
count[0] = 0
print(nvml.nvmlDeviceGetComputeRunningProcesses_v3(device(0), count, infos), count[0])
"""
    )
    assert run(NVML + code) == "0\n1 True True\n7 1\n"  # NVML_ERROR_INSUFFICIENT_SIZE


def test_nvml_facts_of_the_profile() -> None:
    code = (
        TEXT
        + """
major, minor, n = ffi.new("int *"), ffi.new("int *"), ffi.new("unsigned int *")
ok(nvml.nvmlDeviceGetCudaComputeCapability(device(0), major, minor))
ok(nvml.nvmlDeviceGetArchitecture(device(0), n))
print(major[0], minor[0], n[0], text(nvml.nvmlDeviceGetName, device(0)))
print(text(nvml.nvmlSystemGetDriverVersion))
print(nvml.nvmlDeviceGetName(device(0), ffi.new("char[2]"), 2))
"""
    )
    first, driver, short = run(NVML + code).splitlines()
    assert first.startswith("7 5 6 ")
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver)  # JAX wants exactly three numbers
    assert short == "7"


def test_nvml_sensors_are_not_supported() -> None:
    code = TEXT + (
        "import ctypes; raw = ctypes.CDLL(LIB + '/libmaf_nvml1.so')\n"
        "for name in ('Temperature', 'PowerUsage', 'UtilizationRates', 'NvLinkState'):\n"
        "    print(getattr(raw, 'nvmlDeviceGet' + name)())\n"
    )
    assert run(NVML + code) == "3\n" * 4


def test_nvml_fabric_is_absent() -> None:
    """Versions 2 and 3 differ in length; all behind the version word is zero."""
    code = TEXT + (
        "for version, size in ((2, 36), (3, 40)):\n"
        "    info = ffi.new('unsigned char[64]', [255] * 64)\n"
        "    ffi.cast('unsigned int *', info)[0] = version << 24 | size\n"
        "    ok(nvml.nvmlDeviceGetGpuFabricInfoV(device(0), info))\n"
        "    print(bytes(info)[4:] == bytes(size - 4) + bytes([255] * (64 - size)))\n"
    )
    assert run(NVML + code) == "True\n" * 2


def test_nvidia_ml_py() -> None:
    pynvml = pytest.importorskip("pynvml")
    assert pynvml
    code = """
import ctypes, pynvml
ctypes.CDLL(LIB + "/libmaf_nvml1.so")
pynvml.nvmlInit()
h = pynvml.nvmlDeviceGetHandleByIndex(0)
print(pynvml.nvmlDeviceGetMemoryInfo(h).total, pynvml.nvmlDeviceGetCount())
"""
    assert run(NVML + code, MAF_MEMORY="2G") == f"{2 << 30} 1\n"


# --- CUPTI --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", [13, 12])
def test_cupti_of_a_program_without_device_work(major: int) -> None:
    ffi, cupti = load(f"cupti{major}", "cupti/cupti.h")
    handle, version, text = ffi.new("CUpti_SubscriberHandle *"), ffi.new("uint32_t *"), ffi.new("char **")
    requested = []

    @ffi.callback("void(uint8_t **, size_t *, size_t *)")
    def request(buffer: Any, size: Any, records: Any) -> None:
        requested.append(1)

    @ffi.callback("void(void *, uint32_t, uint8_t *, size_t, size_t)")
    def complete(*_: Any) -> None:
        requested.append(2)

    d.check(cupti.cuptiGetVersion(version))
    assert version[0] > 0
    d.check(cupti.cuptiSubscribe(handle, ffi.NULL, ffi.NULL))
    assert cupti.cuptiSubscribe(handle, ffi.NULL, ffi.NULL) == 39  # one subscriber at a time
    d.check(cupti.cuptiEnableCallback(1, handle[0], 3, 17))
    assert cupti.cuptiActivityFlushAll(0) == 7  # before callbacks are registered
    d.check(cupti.cuptiActivityRegisterCallbacks(request, complete))
    for kind in (1, 2, 4, 5, 10, 17, 39):
        d.check(cupti.cuptiActivityEnable(kind))
    assert cupti.cuptiActivityEnable(0) == 21
    d.check(cupti.cuptiActivityFlushAll(1))
    record = ffi.new("void **")
    assert cupti.cuptiActivityGetNextRecord(ffi.new("uint8_t[64]"), 0, record) == 12
    assert requested == []
    last = ffi.new("uint64_t *")
    for i in range(40):
        d.check(cupti.cuptiActivityPushExternalCorrelationId(3, i))
    for i in reversed(range(40)):
        d.check(cupti.cuptiActivityPopExternalCorrelationId(3, last))
        assert last[0] == i
    assert cupti.cuptiActivityPopExternalCorrelationId(3, last) == 18  # queue empty
    d.check(cupti.cuptiGetResultString(18, ffi.cast("const char **", text)))
    assert ffi.string(text[0]) == b"CUPTI_ERROR_QUEUE_EMPTY"
    d.check(cupti.cuptiUnsubscribe(handle[0]))
    assert cupti.cuptiUnsubscribe(handle[0]) == 1
    d.check(cupti.cuptiFinalize())


# --- cuSPARSE, cuRAND ---------------------------------------------------------------------------------------------


def test_cusparse_handles_and_matrix_descriptors() -> None:
    ffi, cusparse = load("cusparse12", "cusparse/cusparse.h")
    handle, matrix, mode = ffi.new("cusparseHandle_t *"), ffi.new("cusparseMatDescr_t *"), ffi.new("int *")
    d.check(cusparse.cusparseCreate(handle))
    d.check(cusparse.cusparseSetPointerMode(handle[0], 1))
    d.check(cusparse.cusparseGetPointerMode(handle[0], mode))
    assert mode[0] == 1
    assert cusparse.cusparseSetPointerMode(handle[0], 2) == 3
    d.check(cusparse.cusparseCreateMatDescr(matrix))
    assert [
        getattr(cusparse, f"cusparseGetMat{x}")(matrix[0]) for x in ("Type", "FillMode", "DiagType", "IndexBase")
    ] == [0] * 4
    d.check(cusparse.cusparseSetMatIndexBase(matrix[0], 1))
    assert cusparse.cusparseGetMatIndexBase(matrix[0]) == 1
    assert cusparse.cusparseSetMatType(matrix[0], 4) == 3
    d.check(cusparse.cusparseDestroyMatDescr(matrix[0]))
    d.check(cusparse.cusparseDestroy(handle[0]))
    assert ffi.string(cusparse.cusparseGetErrorName(10)) == b"CUSPARSE_STATUS_NOT_SUPPORTED"


def test_curand_version() -> None:
    ffi, curand = load("curand10", "curand/curand.h")
    version, major = ffi.new("int *"), ffi.new("int *")
    d.check(curand.curandGetVersion(version))
    d.check(curand.curandGetProperty(0, major))
    assert version[0] // 10000 == major[0] == 10


# --- NCCL ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nccl() -> Any:
    ffi, library = load("nccl2", "nccl/nccl.h")
    identity, comm = ffi.new("ncclUniqueId *"), ffi.new("ncclComm_t *")
    d.check(library.ncclGetUniqueId(identity))
    d.check(library.ncclCommInitRank(comm, 1, identity[0], 0))
    yield ffi, library, comm[0]
    d.check(library.ncclCommDestroy(comm[0]))


def pointer(ffi: Any, array: d.Array) -> Any:
    return ffi.cast("void *", int(d.ffi.cast("uintptr_t", array.pointer)))


@pytest.mark.parametrize("name", ["AllReduce", "ReduceScatter", "AllGather", "AlltoAll", "Broadcast", "Reduce"])
def test_collectives_of_one_rank_are_copies(nccl: Any, name: str) -> None:
    ffi, library, comm = nccl
    x = np.arange(100, dtype=np.float32)
    source, target = d.Array(x), d.Array(np.zeros_like(x))
    middle = {"AllReduce": (0,), "ReduceScatter": (4,), "Broadcast": (0,), "Reduce": (2, 0)}.get(name, ())
    arguments = (pointer(ffi, source), pointer(ffi, target), 100, 7, *middle, comm, ffi.NULL)
    d.check(getattr(library, f"nccl{name}")(*arguments))
    np.testing.assert_array_equal(target.get(), x)


def test_send_to_oneself_meets_its_receive(nccl: Any) -> None:
    ffi, library, comm = nccl
    x = np.arange(6, dtype=np.int64)
    source, target = d.Array(x), d.Array(np.zeros_like(x))
    assert library.ncclSend(pointer(ffi, source), 6, 4, 0, comm, ffi.NULL) == 5  # outside a group it would hang
    d.check(library.ncclGroupStart())
    d.check(library.ncclSend(pointer(ffi, source), 6, 4, 0, comm, ffi.NULL))
    d.check(library.ncclRecv(pointer(ffi, target), 6, 4, 0, comm, ffi.NULL))
    d.check(library.ncclGroupEnd())
    np.testing.assert_array_equal(target.get(), x)
    d.check(library.ncclGroupStart())
    d.check(library.ncclSend(pointer(ffi, source), 6, 4, 0, comm, ffi.NULL))
    assert library.ncclGroupEnd() == 5  # no receive


def test_ranks_of_another_machine_are_refused(nccl: Any) -> None:
    ffi, library, comm = nccl
    identity, other, count = ffi.new("ncclUniqueId *"), ffi.new("ncclComm_t *"), ffi.new("int *")
    assert library.ncclCommInitRank(other, 2, identity[0], 0) == 5
    assert b"one machine" in ffi.string(library.ncclGetLastError(ffi.NULL))
    assert library.ncclCommInitRank(other, 1, identity[0], 1) == 4
    d.check(library.ncclCommCount(comm, count))
    assert count[0] == 1
    d.check(library.ncclCommSplit(comm, -1, 0, other, ffi.NULL))
    assert other[0] == ffi.NULL
    assert library.ncclAllReduce(ffi.NULL, comm, 1, 99, 0, comm, ffi.NULL) == 4


# --- cuFile -------------------------------------------------------------------------------------------------------


def test_cufile_writes_and_reads_device_memory(tmp_path: Path) -> None:
    ffi, cufile = load("cufile0", "cufile/cufile.h")
    data = np.random.default_rng(0).integers(0, 255, 9 << 20, dtype=np.uint8)  # several chunks, the last one short
    source, target = d.Array(data), d.Array(np.zeros_like(data))
    assert cufile.cuFileDriverOpen().err == 0
    with (tmp_path / "x").open("w+b") as stream:
        description, handle = ffi.new("CUfileDescr_t *", {"type": 1}), ffi.new("CUfileHandle_t *")
        description.handle.fd = stream.fileno()
        assert cufile.cuFileHandleRegister(handle, description).err == 0
        size = len(data) - 5
        assert cufile.cuFileWrite(handle[0], pointer(ffi, source), size, 3, 5) == size
        assert (tmp_path / "x").read_bytes()[3:] == data[5:].tobytes()
        assert cufile.cuFileRead(handle[0], pointer(ffi, target), size, 3, 5) == size
        np.testing.assert_array_equal(target.get()[5:], data[5:])
        assert cufile.cuFileRead(handle[0], pointer(ffi, target), 100, 3 + size - 10, 0) == 10  # end of file
        host = ffi.new("char[16]")
        assert cufile.cuFileRead(handle[0], host, 16, 3, 0) == 16
        assert bytes(ffi.buffer(host)) == data[5:21].tobytes()
        cufile.cuFileHandleDeregister(handle[0])
        description.handle.fd = -1
        assert cufile.cuFileHandleRegister(handle, description).err == 5018
    assert cufile.cuFileRead(ffi.NULL, host, 16, 0, 0) == -5027
    assert cufile.cuFileDriverClose().err == 0
    assert cufile.cuFileDriverClose().err == 5001
