"""CUDA runtime: a stream that waits holds up itself and what follows it, and nothing else."""

from __future__ import annotations

import os
import time
from typing import Any

from cuda_process import (
    DEVICE_TO_DEVICE,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    Gate,
    address,
    check,
    download,
    event,
    ffi,
    host_alloc,
    isolated,
    malloc,
    pointer,
    stream,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

NOT_READY = 600
BLOCKING, NON_BLOCKING = 0, 1
LEGACY = ffi.NULL


def fill(p: Any, value: int, on: Any, size: int = 4) -> None:
    check(rt.cudaMemsetAsync(p, value, size, on))


def zeros(size: int = 4) -> Any:
    p = malloc(size)
    check(rt.cudaMemset(p, 0, size))
    check(rt.cudaDeviceSynchronize())
    return p


@isolated()
def test_other_streams_pass_a_blocked_callback() -> None:
    """Work, synchronisation, queries, events and host copies of another stream all go on."""
    held, free = stream(), stream()
    p, q = zeros(), zeros()
    gate = Gate(held)
    fill(p, 1, held)
    for value in range(1, 200):
        fill(q, value, free)
        check(rt.cudaStreamSynchronize(free))
    assert download_on(q, free) == bytes([199] * 4)
    done = event()
    check(rt.cudaEventRecord(done, free))
    check(rt.cudaEventSynchronize(done))
    check(rt.cudaEventQuery(done))
    check(rt.cudaStreamQuery(free))
    data = ffi.new("unsigned char[4]", [7] * 4)
    check(rt.cudaMemcpyAsync(q, data, 4, HOST_TO_DEVICE, free))
    assert download_on(q, free) == bytes([7] * 4)
    assert rt.cudaStreamQuery(held) == NOT_READY
    assert download_on(p, free) == bytes(4), "what follows the callback has not run"
    gate.open()
    check(rt.cudaStreamSynchronize(held))
    assert download(p, 4) == bytes([1] * 4)


def download_on(p: Any, on: Any, size: int = 4) -> bytes:
    out = bytearray(size)
    check(rt.cudaMemcpyAsync(ffi.from_buffer(out), p, size, DEVICE_TO_HOST, on))
    check(rt.cudaStreamSynchronize(on))
    return bytes(out)


@isolated()
def test_a_callback_may_wait_for_work_of_another_stream() -> None:
    """The program that one ring in strict order never ends."""
    held, free = stream(), stream()
    word = ffi.cast("volatile unsigned *", host_alloc(4))
    word[0] = 0

    def until_written(_: Any) -> None:
        end = time.monotonic() + 20
        while word[0] == 0 and time.monotonic() < end:
            time.sleep(0.001)

    callback = ffi.callback("void(void *)", until_written)
    check(rt.cudaLaunchHostFunc(held, callback, ffi.NULL))
    began = time.monotonic()
    fill(word, 1, free)
    check(rt.cudaDeviceSynchronize())
    assert time.monotonic() - began < 10 and word[0] == 0x01010101


@isolated()
def test_an_event_of_a_waiting_stream_holds_those_that_wait_for_it() -> None:
    """Directly, through a third stream, and recorded with and without a time stamp."""
    for flags in (0, 2):
        held, second, third, free = stream(), stream(), stream(), stream()
        p = zeros(16)
        gate = Gate(held)
        fill(p, 1, held, 16)
        first, after = event(flags), event(flags)
        check(rt.cudaEventRecord(first, held))
        check(rt.cudaStreamWaitEvent(second, first, 0))
        check(rt.cudaMemsetAsync(pointer(address(p) + 4), 2, 4, second))
        check(rt.cudaEventRecord(after, second))
        check(rt.cudaStreamWaitEvent(third, after, 0))
        check(rt.cudaMemsetAsync(pointer(address(p) + 8), 3, 4, third))
        for e in (first, after):
            assert rt.cudaEventQuery(e) == NOT_READY
            check(rt.cudaEventDestroy(e))
        for s in (second, third):
            assert rt.cudaStreamQuery(s) == NOT_READY
        assert download_on(p, free, 16) == bytes(16)
        gate.open()
        check(rt.cudaStreamSynchronize(third))
        assert download(p, 16) == b"\1" * 4 + b"\2" * 4 + b"\3" * 4 + b"\1" * 4


@isolated()
def test_the_legacy_stream_keeps_its_order_with_blocking_streams_alone() -> None:
    for held_flags, passes in ((BLOCKING, False), (NON_BLOCKING, True)):
        held, p = stream(held_flags), zeros()
        gate = Gate(held)
        check(rt.cudaMemsetAsync(p, 5, 4, LEGACY))
        if passes:
            check(rt.cudaStreamSynchronize(LEGACY))
            end = time.monotonic() + 5
            while rt.cudaStreamQuery(LEGACY) == NOT_READY and time.monotonic() < end:
                time.sleep(0.001)
            check(rt.cudaStreamQuery(LEGACY))
        time.sleep(0.02)
        assert rt.cudaStreamQuery(LEGACY) == (0 if passes else NOT_READY)
        assert download_on(p, stream(), 4) == bytes([5 if passes else 0] * 4)
        gate.open()
        check(rt.cudaDeviceSynchronize())
        assert download(p, 4) == bytes([5] * 4)
    blocking, other, p = stream(BLOCKING), stream(NON_BLOCKING), zeros()
    gate = Gate(LEGACY)
    fill(p, 6, blocking)
    assert download_on(p, other) == bytes(4), "a blocking stream follows the legacy stream"
    gate.open()
    check(rt.cudaStreamSynchronize(blocking))
    assert download(p, 4) == bytes([6] * 4)


@isolated()
def test_memory_freed_behind_a_waiting_stream_is_not_given_out() -> None:
    held, free = stream(), stream()
    p = ffi.new("void **")
    size = 1 << 20
    check(rt.cudaMallocAsync(p, size, held))
    old = p[0]
    gate = Gate(held)
    fill(old, 1, held, size)
    result = malloc(size)
    check(rt.cudaMemcpyAsync(result, old, size, DEVICE_TO_DEVICE, held))
    check(rt.cudaFreeAsync(old, held))
    assert rt.cudaFreeAsync(old, held) == 1, "freed twice"
    for _ in range(20):
        check(rt.cudaMallocAsync(p, size, free))
        assert p[0] != old
        fill(p[0], 2, free, size)
    check(rt.cudaStreamSynchronize(free))
    gate.open()
    check(rt.cudaStreamSynchronize(held))
    assert download(result, size) == b"\1" * size
    check(rt.cudaMallocAsync(p, size, free))
    assert p[0] == old, "now it is free"


@isolated(timeout=100)
def test_more_work_behind_a_callback_than_is_set_aside() -> None:
    """The ring then waits, and everything is done in the end."""
    held, p = stream(), zeros()
    gate = Gate(held)
    import threading

    threading.Timer(0.5, gate.open).start()
    for i in range(100_000):
        fill(p, i & 255, held)
    check(rt.cudaStreamSynchronize(held))
    assert download(p, 4) == bytes([99_999 & 255] * 4)


@isolated()
def test_streams_wait_for_words_that_host_and_streams_write() -> None:
    waits, writes = stream(), stream()
    shared = ffi.cast("volatile unsigned *", host_alloc(16))
    p, wide = zeros(16), 0x1_0000_0005
    cases = [  # kind, value waited for, start, wrong, right
        (0, 5, 0, 4, 6),
        (0, 0x80000001, 0x7FFFFFFF, 0x80000000, 0x90000000),  # cyclic
        (1, 5, 0, 6, 5),
        (2, 6, 0, 8, 4),
        (3, 0x0FFFFFFF, 0xFFFFFFFF, 0xF0000000, 0),
    ]
    for kind, value, start, wrong, right in cases:
        shared[0] = start
        fill(p, 0, waits)
        check(drv.cuStreamWaitValue32_v2(waits, address(shared), value, kind))
        fill(p, 9, waits)
        shared[0] = wrong
        time.sleep(0.01)
        assert rt.cudaStreamQuery(waits) == NOT_READY, (kind, value)
        shared[0] = right
        check(rt.cudaStreamSynchronize(waits))
        assert download(p, 4) == b"\x09" * 4
    word = address(p) + 8
    check(drv.cuStreamWaitValue64_v2(waits, word, wide, 1))
    fill(p, 3, waits)
    check(drv.cuStreamWriteValue64_v2(writes, word, 5, 0))
    check(rt.cudaStreamSynchronize(writes))
    assert rt.cudaStreamQuery(waits) == NOT_READY
    check(drv.cuStreamWriteValue64_v2(writes, word, wide, 0))
    check(rt.cudaStreamSynchronize(waits))
    assert download(p, 4) == b"\x03" * 4
    assert drv.cuStreamWaitValue32_v2(waits, word + 2, 1, 0) == 1, "not aligned"
    assert drv.cuStreamWaitValue32_v2(waits, word, 1, 4) == 1
    assert drv.cuStreamWaitValue32_v2(waits, word, 1, 1 << 30) == 801


@isolated()
def test_a_batch_of_waits_and_writes() -> None:
    """Two streams hand a token to each other."""
    a, b, p = stream(), stream(), zeros(16)
    base = address(p)
    ops = ffi.new("CUstreamBatchMemOpParams[3]")
    for round_number in range(1, 50):
        ops[0].operation, ops[0].address, ops[0].value, ops[0].flags = 1, base, round_number, 0
        ops[1].operation, ops[1].barrier_flags = 6, 0
        ops[2].operation, ops[2].address, ops[2].value, ops[2].flags = 5, base + 8, round_number, 0
        check(drv.cuStreamBatchMemOp_v2(a, 3, ops, 0))
        ops[0].operation, ops[0].address, ops[0].value = 5, base, round_number
        ops[1].operation, ops[1].address, ops[1].value, ops[1].flags = 4, base + 8, round_number, 1
        check(drv.cuStreamBatchMemOp_v2(b, 2, ops, 0))
    check(rt.cudaDeviceSynchronize())
    assert download(p, 16) == (49).to_bytes(8, "little") * 2
    ops[0].operation = 99
    assert drv.cuStreamBatchMemOp_v2(a, 1, ops, 0) == 1
    assert drv.cuStreamBatchMemOp_v2(a, 257, ops, 0) == 1


@isolated()
def test_a_graph_waits_for_an_event_of_a_waiting_stream() -> None:
    held, s, p = stream(), stream(), zeros()
    graph, exec_, node, copy = (ffi.new(t) for t in ("void **", "void **", "void **", "void **"))
    e = event()
    check(rt.cudaGraphCreate(graph, 0))
    check(rt.cudaGraphAddEventWaitNode(node, graph[0], ffi.NULL, 0, e))
    params = ffi.new("struct cudaMemsetParams *")
    params.dst, params.value, params.elementSize, params.width, params.height = p, 4, 1, 4, 1
    check(rt.cudaGraphAddMemsetNode(copy, graph[0], node, 1, params))
    check(rt.cudaGraphInstantiateWithFlags(exec_, graph[0], 0))
    gate = Gate(held)
    check(rt.cudaEventRecord(e, held))
    check(rt.cudaGraphLaunch(exec_[0], s))
    assert rt.cudaStreamQuery(s) == NOT_READY and download_on(p, stream()) == bytes(4)
    gate.open()
    check(rt.cudaStreamSynchronize(s))
    assert download(p, 4) == bytes([4] * 4)
