"""CUDA runtime: allocation, copies of every kind, fills, pools, pointer attributes."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

from cuda_process import (
    DEFAULT,
    DEVICE_TO_DEVICE,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    Gate,
    address,
    check,
    download,
    ffi,
    host_alloc,
    isolated,
    malloc,
    pointer,
    stream,
    upload,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

MEGABYTE = 1 << 20


@isolated()
def test_copies_between_host_device_and_pinned_memory() -> None:
    for size in (1, 511, 4096, 70_001, 3 * MEGABYTE + 5):
        data = random.Random(size).randbytes(size)
        a = upload(data)
        b = malloc(size)
        check(rt.cudaMemcpy(b, a, size, DEVICE_TO_DEVICE))
        pinned = host_alloc(size)
        check(rt.cudaMemcpyAsync(pinned, b, size, DEFAULT, ffi.NULL))
        check(rt.cudaDeviceSynchronize())
        assert bytes(ffi.buffer(pinned, size)) == data
        assert download(b, size) == data
        c = malloc(size)
        check(rt.cudaMemcpyAsync(c, pinned, size, HOST_TO_DEVICE, ffi.NULL))
        assert download(c, size) == data
        for p in (a, b, c):
            check(rt.cudaFree(p))
        check(rt.cudaFreeHost(pinned))


@isolated()
def test_copies_behind_unfinished_work_keep_stream_order() -> None:
    """While the stream is busy a pageable source may change as soon as the call returns."""
    s = stream()
    p = malloc(64)
    check(rt.cudaMemset(p, 0, 64))
    gate = Gate(s)
    source = bytearray(b"x" * 64)
    check(rt.cudaMemcpyAsync(p, ffi.from_buffer(source), 64, HOST_TO_DEVICE, s))
    source[:] = b"y" * 64
    q = malloc(64)
    check(rt.cudaMemcpyAsync(q, p, 64, DEVICE_TO_DEVICE, s))
    check(rt.cudaMemsetAsync(p, 7, 64, s))
    assert rt.cudaStreamQuery(s) == 600
    gate.open()
    check(rt.cudaStreamSynchronize(s))
    assert rt.cudaStreamQuery(s) == 0
    assert download(q, 64) == b"x" * 64
    assert download(p, 64) == b"\7" * 64


@isolated()
def test_wrong_copy_kinds_and_ranges_are_refused() -> None:
    p = malloc(1000)
    host = ffi.new("char[1000]")
    assert rt.cudaMemcpy(host, p, 1000, HOST_TO_DEVICE) == 1
    assert rt.cudaMemcpy(p, host, 1000, DEVICE_TO_HOST) == 1
    assert rt.cudaMemcpy(p, host, 1000, 9) == 21
    assert rt.cudaMemcpy(p, host, 5000, HOST_TO_DEVICE) == 1  # beyond the allocation
    assert rt.cudaMemset(host, 0, 10) == 1
    assert rt.cudaGetLastError() == 1
    assert rt.cudaGetLastError() == 0
    check(rt.cudaMemcpy(p, host, 0, HOST_TO_DEVICE))


@isolated()
def test_two_and_three_dimensional_copies() -> None:
    width, height, depth = 24, 5, 3
    data = bytes(i % 251 for i in range(width * height * depth))
    source = ffi.from_buffer(data)
    tight = ffi.new("struct cudaPitchedPtr *", {"ptr": source, "pitch": width, "xsize": width, "ysize": height})
    extent = ffi.new("struct cudaExtent *", {"width": width, "height": height, "depth": depth})
    box = ffi.new("struct cudaPitchedPtr *")
    check(rt.cudaMalloc3D(box, extent[0]))
    assert box.pitch % 512 == 0 and box.pitch >= width
    parameters = ffi.new("struct cudaMemcpy3DParms *")
    parameters.srcPtr, parameters.dstPtr, parameters.extent, parameters.kind = tight[0], box[0], extent[0], DEFAULT
    check(rt.cudaMemcpy3D(parameters))
    other = ffi.new("struct cudaPitchedPtr *")
    check(rt.cudaMalloc3D(other, extent[0]))
    parameters.srcPtr, parameters.dstPtr = box[0], other[0]
    check(rt.cudaMemcpy3DAsync(parameters, ffi.NULL))
    out = bytearray(len(data))
    tight.ptr = ffi.from_buffer(out)
    parameters.srcPtr, parameters.dstPtr = other[0], tight[0]
    check(rt.cudaMemcpy3D(parameters))
    assert bytes(out) == data
    # One column of the second slice, through the 2-D form.
    column = bytearray(4 * height)
    second = pointer(address(other.ptr) + other.pitch * height + 8)
    check(rt.cudaMemcpy2D(ffi.from_buffer(column), 4, second, other.pitch, 4, height, DEVICE_TO_HOST))
    expected = b"".join(data[(height + y) * width + 8 :][:4] for y in range(height))
    assert bytes(column) == expected
    assert rt.cudaMemcpy2D(ffi.from_buffer(column), 2, second, other.pitch, 4, height, DEVICE_TO_HOST) == 12


@isolated()
def test_fills() -> None:
    p = malloc(4096)
    check(rt.cudaMemset(p, 0x1AB, 4096))
    assert download(p, 4096) == b"\xab" * 4096
    check(rt.cudaMemset2D(p, 64, 0, 10, 4))
    expected = (b"\0" * 10 + b"\xab" * 54) * 4
    assert download(p, 256) == expected
    check(drv.cuMemsetD32_v2(address(p), 0x01020304, 16))
    check(drv.cuMemsetD16_v2(address(p) + 64, 0x0506, 4))
    assert download(p, 72) == b"\4\3\2\1" * 16 + b"\6\5" * 4
    assert drv.cuMemsetD32_v2(address(p) + 2, 0, 1) == 1  # not aligned
    s = stream()
    check(drv.cuStreamWriteValue32_v2(s, address(p) + 4, 0xA0B0C0D0, 0))
    check(rt.cudaStreamSynchronize(s))
    assert download(p, 12) == b"\4\3\2\1" + b"\xd0\xc0\xb0\xa0" + b"\4\3\2\1"
    check(drv.cuStreamWriteValue64_v2(s, address(p) + 8, 0x1122334455667788, 0))
    assert drv.cuStreamWriteValue64_v2(s, address(p) + 4, 0, 0) == 1  # not aligned
    assert drv.cuStreamWriteValue64_v2(s, address(p) + 4096, 0, 0) == 1  # beyond the end
    check(rt.cudaStreamSynchronize(s))
    assert download(p, 20)[8:] == bytes.fromhex("8877665544332211") + b"\4\3\2\1"


@isolated(MAF_MEMORY="64M")
def test_out_of_memory_is_exact() -> None:
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    assert (free[0], total[0]) == (64 * MEGABYTE, 64 * MEGABYTE)
    p = ffi.new("void **")
    assert rt.cudaMalloc(p, 64 * MEGABYTE + 1) == 2 and p[0] == ffi.NULL
    assert rt.cudaGetLastError() == 2
    blocks = [malloc(16 * MEGABYTE) for _ in range(4)]
    check(rt.cudaMemGetInfo(free, total))
    assert free[0] == 0
    assert rt.cudaMalloc(p, 1) == 2
    check(rt.cudaFree(blocks.pop(1)))
    assert rt.cudaMalloc(p, 16 * MEGABYTE + 1) == 2
    blocks.append(malloc(16 * MEGABYTE))
    for block in blocks:
        check(rt.cudaFree(block))
    check(rt.cudaMemGetInfo(free, total))
    assert free[0] == 64 * MEGABYTE
    check(rt.cudaMalloc(p, 64 * MEGABYTE))
    assert rt.cudaMalloc(p, 1 << 63) == 2


@isolated(MAF_MEMORY="256M")
def test_random_allocations_never_overlap_and_all_come_back() -> None:
    rng = random.Random(5)
    live: dict[int, int] = {}
    for step in range(3000):
        if live and (rng.random() < 0.45 or len(live) > 300):
            base = rng.choice(list(live))
            size = live.pop(base)
            assert download(pointer(base), min(size, 8)) == base.to_bytes(8, "little")[: min(size, 8)]
            check(rt.cudaFree(pointer(base)))
        else:
            size = rng.choice([1, 8, 100, 512, 513, 4096, 10_000, 70_000, 300_000])
            p = malloc(size)
            base = address(p)
            assert base % 512 == 0, step
            assert all(base + size <= b or b + s <= base for b, s in live.items()), step
            live[base] = size
            check(rt.cudaMemcpy(p, ffi.from_buffer(base.to_bytes(8, "little")), min(size, 8), HOST_TO_DEVICE))
    for base in live:
        check(rt.cudaFree(pointer(base)))
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    assert free[0] == total[0]
    assert rt.cudaFree(pointer(next(iter(live)))) == 1  # twice


@isolated()
def test_free_gives_memory_back_to_the_system() -> None:
    def committed() -> int:
        entries = list(Path("/proc/self/fd").iterdir())  # the listing's own descriptor is among them, closed by now
        (file,) = (e for e in entries if e.is_symlink() and "memfd:maf-device" in os.readlink(e))
        return file.stat().st_blocks * 512

    p = malloc(64 * MEGABYTE)
    check(rt.cudaMemcpy(p, ffi.from_buffer(bytes(64 * MEGABYTE)), 64 * MEGABYTE, HOST_TO_DEVICE))
    assert committed() >= 64 * MEGABYTE
    check(rt.cudaFree(p))
    assert committed() < 8 * MEGABYTE


@isolated()
def test_pointer_attributes() -> None:
    room = ffi.new("char[88]")  # CUDA 13 has 88 bytes, of which the declared structure is the head
    attributes = ffi.cast("struct cudaPointerAttributes *", room)
    device, pinned = malloc(1000), host_alloc(1000)
    managed = ffi.new("void **")
    check(rt.cudaMallocManaged(managed, 1000, 1))
    plain = ffi.new("char[1000]")
    for p, kind in ((device, 2), (pinned, 1), (managed[0], 3), (plain, 0)):
        check(rt.cudaPointerGetAttributes(attributes, ffi.cast("char *", p) + 10))
        assert attributes.type == kind
        assert (attributes.devicePointer == ffi.NULL) == (kind == 0)
        assert (attributes.hostPointer == ffi.NULL) == (kind == 2)
    check(rt.cudaHostRegister(plain, 1000, 0))
    assert rt.cudaHostRegister(plain, 10, 0) == 712
    check(rt.cudaPointerGetAttributes(attributes, plain))
    assert attributes.type == 1
    check(rt.cudaHostUnregister(plain))
    assert rt.cudaHostUnregister(plain) == 713
    check(rt.cudaFree(device))
    check(rt.cudaPointerGetAttributes(attributes, device))
    assert attributes.type == 0
    assert rt.cudaGetLastError() == 713


@isolated()
def test_managed_memory_is_one_address_on_both_sides() -> None:
    managed = ffi.new("void **")
    check(rt.cudaMallocManaged(managed, 256, 1))
    view = ffi.buffer(managed[0], 256)
    view[:] = b"m" * 256
    p = malloc(256)
    check(rt.cudaMemcpy(p, managed[0], 256, DEVICE_TO_DEVICE))
    assert download(p, 256) == b"m" * 256
    check(rt.cudaMemset(managed[0], 1, 256))
    check(rt.cudaDeviceSynchronize())
    assert bytes(view) == b"\1" * 256
    check(rt.cudaFree(managed[0]))


@isolated(MAF_MEMORY="32M")
def test_stream_ordered_allocation() -> None:
    s = stream()
    pool = ffi.new("cudaMemPool_t *")
    check(rt.cudaDeviceGetDefaultMemPool(pool, 0))
    p, q = ffi.new("void **"), ffi.new("void **")
    gate = Gate(s)
    check(rt.cudaMallocAsync(p, 20 * MEGABYTE, s))
    check(rt.cudaMemsetAsync(p[0], 3, 20 * MEGABYTE, s))
    used = ffi.new("uint64_t *")
    check(rt.cudaMemPoolGetAttribute(pool[0], 7, used))
    assert used[0] == 20 * MEGABYTE
    assert rt.cudaMallocAsync(q, 20 * MEGABYTE, s) == 2
    check(rt.cudaFreeAsync(p[0], s))
    check(rt.cudaMallocAsync(q, 20 * MEGABYTE, s))  # the freed block, before the first fill has run
    check(rt.cudaMemsetAsync(q[0], 9, 20 * MEGABYTE, s))
    gate.open()
    check(rt.cudaStreamSynchronize(s))
    assert download(q[0], 16) == b"\x09" * 16
    check(rt.cudaFree(q[0]))
    check(rt.cudaMemPoolGetAttribute(pool[0], 7, used))
    assert used[0] == 0
    check(rt.cudaMemPoolGetAttribute(pool[0], 8, used))
    assert used[0] == 20 * MEGABYTE
    check(rt.cudaMemPoolTrimTo(pool[0], 0))


@isolated(MAF_MEMORY="64M")
def test_explicit_pools_have_their_own_account_and_limit() -> None:
    s, pool, p, used = stream(), ffi.new("cudaMemPool_t *"), ffi.new("void **"), ffi.new("uint64_t *")
    properties = ffi.new(
        "struct cudaMemPoolProps *", {"allocType": 1, "location": {"type": 1}, "maxSize": 8 * MEGABYTE}
    )
    assert ffi.sizeof(properties[0]) == 88
    check(rt.cudaMemPoolCreate(pool, properties))
    check(rt.cudaMallocFromPoolAsync(p, 6 * MEGABYTE, pool[0], s))
    first = p[0]
    assert rt.cudaMallocFromPoolAsync(p, 3 * MEGABYTE, pool[0], s) == 2
    check(rt.cudaMallocAsync(p, 10 * MEGABYTE, s))  # from the device's own pool
    check(rt.cudaMemPoolGetAttribute(pool[0], 7, used))
    assert used[0] == 6 * MEGABYTE
    check(rt.cudaDeviceSetMemPool(0, pool[0]))
    assert rt.cudaMallocAsync(p, 3 * MEGABYTE, s) == 2
    check(rt.cudaMemPoolDestroy(pool[0]))
    check(rt.cudaMallocAsync(p, 3 * MEGABYTE, s))  # the device falls back to its default pool
    check(rt.cudaFreeAsync(first, s))
    assert rt.cudaMemPoolGetAttribute(pool[0], 7, used) == 1


@isolated(MAF_MEMORY="32M")
def test_memory_freed_on_a_busy_stream_is_not_overwritten() -> None:
    """Another stream gets the block at once, but its host copy must wait for the first stream's last use."""
    for second_alloc in ("async", "sync"):
        a, b = stream(), stream()
        p, q, out = ffi.new("void **"), ffi.new("void **"), malloc(4)
        check(rt.cudaMallocAsync(p, 20 * MEGABYTE, a))
        check(rt.cudaMemsetAsync(p[0], 1, 4, a))
        check(rt.cudaStreamSynchronize(a))
        gate = Gate(a)
        check(rt.cudaMemcpyAsync(out, p[0], 4, DEVICE_TO_DEVICE, a))
        check(rt.cudaFreeAsync(p[0], a))
        threading.Timer(0.2, gate.open).start()
        check(rt.cudaMallocAsync(q, 20 * MEGABYTE, b) if second_alloc == "async" else rt.cudaMalloc(q, 20 * MEGABYTE))
        assert q[0] == p[0]
        check(rt.cudaMemcpyAsync(q[0], ffi.from_buffer(bytes(MEGABYTE)), MEGABYTE, HOST_TO_DEVICE, b))
        check(rt.cudaDeviceSynchronize())
        assert download(out, 4) == b"\1" * 4, second_alloc
        check(rt.cudaFree(q[0]))


@isolated(MAF_MEMORY="64M")
def test_virtual_memory_management() -> None:
    p, size = ffi.new("CUdeviceptr *"), 2 * MEGABYTE
    property_ = ffi.new("CUmemAllocationProp *")
    property_.type = 1
    property_.location.type = 1
    granularity = ffi.new("size_t *")
    check(drv.cuMemGetAllocationGranularity(granularity, property_, 0))
    assert granularity[0] == size
    check(drv.cuMemAddressReserve(p, 16 * size, 0, 0, 0))
    base, handle = p[0], ffi.new("CUmemGenericAllocationHandle *")
    access = ffi.new("CUmemAccessDesc *", {"location": {"type": 1, "id": 0}, "flags": 3})
    for i in range(2):
        check(drv.cuMemCreate(handle, size, property_, 0))
        check(drv.cuMemMap(base + i * size, size, 0, handle[0], 0))
        check(drv.cuMemRelease(handle[0]))
    check(drv.cuMemSetAccess(base, 2 * size, access, 1))
    assert drv.cuMemSetAccess(base, 3 * size, access, 1) == 1
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    assert total[0] - free[0] == 2 * size
    data = os.urandom(1000)
    middle = base + size - 500  # across the two mappings
    check(drv.cuMemcpyHtoD_v2(middle, ffi.from_buffer(data), 1000))
    assert download(pointer(middle), 1000) == data
    assert drv.cuMemcpyHtoD_v2(base + 2 * size - 10, ffi.from_buffer(data), 1000) == 1
    assert drv.cuMemCreate(handle, 64 * MEGABYTE, property_, 0) == 2
    check(drv.cuMemUnmap(base, 2 * size))
    check(rt.cudaMemGetInfo(free, total))
    assert free[0] == total[0]
    check(drv.cuMemAddressFree(base, 16 * size))


@isolated(MAF_COUNT="2")
def test_two_devices_and_peer_copies() -> None:
    count = ffi.new("int *")
    check(rt.cudaGetDeviceCount(count))
    assert count[0] == 2
    a = upload(b"device 0")
    check(rt.cudaSetDevice(1))
    b = malloc(8)
    check(rt.cudaMemcpyPeer(b, 1, a, 0, 8))
    assert download(b, 8) == b"device 0"
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    assert total[0] - free[0] == 512
    room = ffi.new("char[88]")
    attributes = ffi.cast("struct cudaPointerAttributes *", room)
    for p, device in ((a, 0), (b, 1)):
        check(rt.cudaPointerGetAttributes(attributes, p))
        assert attributes.device == device
    assert rt.cudaSetDevice(2) == 101
