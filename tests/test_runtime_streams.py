"""CUDA runtime: streams, events, host callbacks, errors, devices, entry point look-up."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from cuda_process import (
    DEVICE_TO_DEVICE,
    HOST_TO_DEVICE,
    Gate,
    address,
    check,
    download,
    event,
    ffi,
    isolated,
    malloc,
    stream,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

NO_TIMING = 2


@isolated()
def test_event_states() -> None:
    s = stream()
    for flags in (0, NO_TIMING):
        e = event(flags)
        check(rt.cudaEventQuery(e))  # never recorded: complete
        gate = Gate(s)
        check(rt.cudaEventRecord(e, s))
        assert rt.cudaEventQuery(e) == 600
        gate.open()
        check(rt.cudaEventSynchronize(e))
        check(rt.cudaEventQuery(e))
        check(rt.cudaEventDestroy(e))
        assert rt.cudaEventQuery(e) == 400


@isolated()
def test_elapsed_time_is_real() -> None:
    s, a, b = stream(), event(), event()
    ms = ffi.new("float *")
    assert rt.cudaEventElapsedTime(ms, a, b) == 400  # not recorded
    check(rt.cudaEventRecord(a, s))
    sleep = ffi.callback("void(void *)", lambda _: time.sleep(0.2))
    check(rt.cudaLaunchHostFunc(s, sleep, ffi.NULL))
    check(rt.cudaEventRecord(b, s))
    assert rt.cudaEventElapsedTime(ms, a, b) == 600
    check(rt.cudaStreamSynchronize(s))
    check(rt.cudaEventElapsedTime(ms, a, b))
    assert 195 < ms[0] < 1000
    check(rt.cudaEventElapsedTime(ms, b, a))
    assert -1000 < ms[0] < -195
    quiet = event(NO_TIMING)
    check(rt.cudaEventRecord(quiet, s))
    assert rt.cudaEventElapsedTime(ms, a, quiet) == 400


@isolated()
def test_a_wait_outlives_its_event() -> None:
    producer, consumer = stream(), stream()
    p, q = malloc(1 << 20), malloc(1 << 20)
    check(rt.cudaMemset(p, 1, 1 << 20))
    gate = Gate(producer)
    check(rt.cudaMemsetAsync(p, 2, 1 << 20, producer))
    e = event(NO_TIMING)
    check(rt.cudaEventRecord(e, producer))
    check(rt.cudaStreamWaitEvent(consumer, e, 0))
    check(rt.cudaEventDestroy(e))
    other = event(NO_TIMING)  # takes the destroyed event's place
    check(rt.cudaEventRecord(other, consumer))
    assert rt.cudaStreamQuery(consumer) == 600  # waits though it has no work of its own
    check(rt.cudaMemcpyAsync(q, p, 1 << 20, DEVICE_TO_DEVICE, consumer))
    gate.open()
    check(rt.cudaStreamSynchronize(consumer))
    assert download(q, 4) == b"\2\2\2\2"


@isolated()
def test_streams_are_cheap() -> None:
    begin = time.perf_counter()
    streams = [stream() for _ in range(10_000)]
    assert time.perf_counter() - begin < 1.0
    assert len({address(s) for s in streams}) == 10_000
    number = ffi.new("unsigned *")
    check(rt.cudaStreamGetFlags(streams[5], number))
    assert number[0] == 1
    priority = ffi.new("cudaStream_t *")
    check(rt.cudaStreamCreateWithPriority(priority, 1, -3))
    value = ffi.new("int *")
    check(rt.cudaStreamGetPriority(priority[0], value))
    assert value[0] == -3
    for s in streams:
        check(rt.cudaStreamDestroy(s))
    assert rt.cudaStreamSynchronize(streams[0]) == 400
    for special in (0, 1, 2):
        check(rt.cudaStreamSynchronize(ffi.cast("cudaStream_t", special)))


@isolated()
def test_host_callbacks_run_in_stream_order() -> None:
    s, seen = stream(), []
    p = malloc(4)

    def note(argument: Any) -> None:
        seen.append((address(argument), threading.get_native_id() != os.getpid()))

    function = ffi.callback("void(void *)", note)
    for i in range(100):
        check(rt.cudaMemsetAsync(p, i, 4, s))
        check(rt.cudaLaunchHostFunc(s, function, ffi.cast("void *", i)))
    statuses = []
    callback = ffi.callback("void(void *, int, void *)", lambda on, status, _: statuses.append((address(on), status)))
    check(rt.cudaStreamAddCallback(s, callback, ffi.NULL, 0))
    check(rt.cudaStreamSynchronize(s))
    assert seen == [(i, True) for i in range(100)]
    assert statuses == [(address(s), 0)]


@isolated()
def test_errors_belong_to_their_thread() -> None:
    assert rt.cudaFree(ffi.cast("void *", 0x1234)) == 1
    other = []
    thread = threading.Thread(target=lambda: other.append(rt.cudaPeekAtLastError()))
    thread.start()
    thread.join()
    assert other == [0]
    assert rt.cudaPeekAtLastError() == 1
    assert rt.cudaGetLastError() == 1
    assert rt.cudaGetLastError() == 0
    assert ffi.string(rt.cudaGetErrorName(2)) == b"cudaErrorMemoryAllocation"
    assert ffi.string(rt.cudaGetErrorString(700)) == b"an illegal memory access was encountered"
    assert ffi.string(rt.cudaGetErrorString(12345)) == b"unrecognized error code"
    name = ffi.new("char **")
    check(drv.cuGetErrorName(719, name))
    assert ffi.string(name[0]) == b"CUDA_ERROR_LAUNCH_FAILED"
    assert drv.cuGetErrorName(9, name) == 1  # a runtime-only code


@isolated(MAF_COUNT="2", timeout=90)
def test_current_device_belongs_to_its_thread() -> None:
    device = ffi.new("int *")
    check(rt.cudaSetDevice(1))
    other = []

    def ask() -> None:
        mine = ffi.new("int *")
        check(rt.cudaGetDevice(mine))
        other.append(mine[0])

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    check(rt.cudaGetDevice(device))
    assert (other, device[0]) == ([0], 1)
    active, flags = ffi.new("int *"), ffi.new("unsigned *")
    check(drv.cuDevicePrimaryCtxGetState(0, flags, active))
    assert active[0] == 0
    check(drv.cuDevicePrimaryCtxGetState(1, flags, active))
    assert active[0] == 1
    context = ffi.new("CUcontext *")
    check(drv.cuDevicePrimaryCtxRetain(context, 0))
    check(drv.cuCtxPushCurrent_v2(context[0]))
    check(rt.cudaGetDevice(device))
    assert device[0] == 0
    check(drv.cuCtxPopCurrent_v2(context))
    check(rt.cudaGetDevice(device))
    assert device[0] == 1


@isolated()
def test_properties_agree_with_attributes() -> None:
    prop = ffi.new("struct cudaDeviceProp13 *")
    assert ffi.sizeof(prop[0]) == 1008
    check(rt.cudaGetDeviceProperties(prop, 0))
    value = ffi.new("int *")
    for attribute, field in (
        (1, prop.maxThreadsPerBlock),
        (8, prop.sharedMemPerBlock),
        (10, prop.warpSize),
        (16, prop.multiProcessorCount),
        (39, prop.maxThreadsPerMultiProcessor),
        (75, prop.major),
        (76, prop.minor),
        (81, prop.sharedMemPerMultiprocessor),
        (97, prop.sharedMemPerBlockOptin),
        (106, prop.maxBlocksPerMultiProcessor),
    ):
        check(rt.cudaDeviceGetAttribute(value, attribute, 0))
        assert value[0] == field > 0, attribute
    assert rt.cudaDeviceGetAttribute(value, 99999, 0) == 1
    assert rt.cudaGetDeviceProperties(prop, 7) == 101


@isolated(CUDA_VISIBLE_DEVICES="")
def test_no_visible_device() -> None:
    count = ffi.new("int *", 5)
    assert rt.cudaGetDeviceCount(count) == 100 and count[0] == 0
    assert rt.cudaMalloc(ffi.new("void **"), 1) == 100


@isolated()
def test_entry_points_follow_the_version_asked_for() -> None:
    def look(name: bytes, version: int, flags: int = 0) -> tuple[int, int]:
        function, status = ffi.new("void **"), ffi.new("int *")
        check(rt.cudaGetDriverEntryPointByVersion(name, function, version, flags, status))
        return address(function[0]), status[0]

    def own(name: str) -> int:
        return address(ffi.addressof(drv, name))

    assert look(b"cuMemGetAddressRange", 12000) == (own("cuMemGetAddressRange_v2"), 0)
    assert look(b"cuEventElapsedTime", 12000) == (own("cuEventElapsedTime"), 0)
    assert look(b"cuEventElapsedTime", 13000) == (own("cuEventElapsedTime_v2"), 0)
    assert look(b"cuLogsRegisterCallback", 12090) == (own("cuLogsRegisterCallback"), 0)
    assert look(b"cuNoSuchThing", 13000) == (0, 1)
    plain, threaded = look(b"cuStreamSynchronize", 13000), look(b"cuStreamSynchronize", 13000, 2)
    assert plain[0] == own("cuStreamSynchronize") and threaded[0] not in (0, plain[0])
    function = ffi.new("void **")
    assert drv.cuGetProcAddress_v2(b"cuNoSuchThing", function, 13000, 0, ffi.NULL) == 500


@isolated(timeout=120)
def test_threads_share_the_device() -> None:
    """Each thread checks its own data through its own stream while the others do the same."""
    failures: list[str] = []

    def work(seed: int) -> None:
        s, p, q = stream(), malloc(4096), malloc(4096)
        e = event(NO_TIMING)
        for i in range(300):
            data = bytes([seed, i & 255]) * 2048
            check(rt.cudaMemcpyAsync(p, ffi.from_buffer(data), 4096, HOST_TO_DEVICE, s))
            check(rt.cudaMemcpyAsync(q, p, 4096, DEVICE_TO_DEVICE, s))
            check(rt.cudaEventRecord(e, s))
            if i % 7 == 0:
                check(rt.cudaEventSynchronize(e))
            check(rt.cudaStreamSynchronize(s))
            if download(q, 4096) != data:
                failures.append(f"thread {seed} step {i}")
            extra = malloc(1000 * (i % 5 + 1))
            check(rt.cudaFree(extra))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


@isolated(timeout=90)
def test_more_work_than_the_ring_holds() -> None:
    """Copies with their data behind a closed gate fill the ring; the producer waits, and nothing is lost."""
    s, size, count = stream(), 60_000, 200
    p = malloc(size * count)
    check(rt.cudaMemset(p, 0, size * count))
    gate = Gate(s)
    threading.Timer(0.3, gate.open).start()
    for i in range(count):
        data = bytes([i]) * size
        at = ffi.cast("char *", p) + i * size
        check(rt.cudaMemcpyAsync(at, ffi.from_buffer(data), size, HOST_TO_DEVICE, s))
    check(rt.cudaStreamSynchronize(s))
    assert download(p, size * count) == b"".join(bytes([i]) * size for i in range(count))


@isolated()
def test_waiting_on_the_executors_processor_does_not_spin() -> None:
    """Both on one processor: whoever spins keeps the other from running, which would cost 30 us each time."""
    import time

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the executor, which starts next, inherits it
    p, s = malloc(4), stream()
    best = 1.0
    for _ in range(500):
        check(rt.cudaMemsetAsync(p, 0, 4, s))
        start = time.perf_counter()
        check(rt.cudaStreamSynchronize(s))
        best = min(best, time.perf_counter() - start)
    assert best < 28e-6, best
