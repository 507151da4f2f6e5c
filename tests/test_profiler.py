"""CUPTI activity records of device work and runtime calls, by hand and through torch.profiler."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from cuda_process import (
    DEVICE_TO_DEVICE,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    check,
    download,
    ffi,
    host_alloc,
    isolated,
    malloc,
    stream,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import open_library, rt

MEMCPY, MEMSET, RUNTIME, NAME, MARKER, MARKER_DATA, EVENT, SYNC, EXTERNAL = 1, 2, 5, 11, 12, 13, 36, 38, 39
MEMCPY_ASYNC, MEMSET_ASYNC, DEVICE_SYNCHRONIZE = 41, 51, 165  # callback ids


class Profiler:
    """Collects records: kind -> list of their bytes."""

    def __init__(self, room: int = 1 << 16) -> None:
        self.cupti = open_library("libmaf_cupti13.so", "libcuda_stub/cupti/cupti.h")
        self.records: dict[int, list[bytes]] = {}
        self.buffers: dict[int, Any] = {}

        @ffi.callback("void(uint8_t **, size_t *, size_t *)")
        def request(buffer: Any, size: Any, limit: Any) -> None:
            memory = ffi.new("uint8_t[]", room)
            self.buffers[int(ffi.cast("uintptr_t", memory))] = memory
            buffer[0], size[0], limit[0] = memory, room, 0

        @ffi.callback("void(void *, uint32_t, uint8_t *, size_t, size_t)")
        def complete(context: Any, number: int, buffer: Any, size: int, valid: int) -> None:
            record = ffi.new("void **")
            while self.cupti.cuptiActivityGetNextRecord(buffer, valid, record) == 0:
                data = bytes(ffi.buffer(record[0], min(56, valid)))
                self.records.setdefault(struct.unpack_from("<I", data)[0], []).append(data)
            del self.buffers[int(ffi.cast("uintptr_t", buffer))]

        self.callbacks = request, complete
        assert self.cupti.cuptiActivityRegisterCallbacks(request, complete) == 0

    def enable(self, *kinds: int) -> None:
        for kind in kinds:
            assert self.cupti.cuptiActivityEnable(kind) == 0

    def disable(self, *kinds: int) -> None:
        for kind in kinds:
            assert self.cupti.cuptiActivityDisable(kind) == 0

    def flush(self) -> dict[int, list[bytes]]:
        assert self.cupti.cuptiActivityFlushAll(0) == 0
        assert not self.buffers, "every buffer comes back"
        taken, self.records = self.records, {}
        return taken


def copy_of(record: bytes) -> tuple[int, int, int, int, int]:
    """Kind of copy, bytes, start, end, stream."""
    kind, size, start, end = record[4], *struct.unpack_from("<QQQ", record, 8)
    return kind, size, start, end, struct.unpack_from("<I", record, 40)[0]


def call_of(record: bytes) -> tuple[int, int, int, int, int]:
    """Callback id, start, end, correlation id, returned value."""
    cbid, start, end, _, _, correlation, value = struct.unpack_from("<IQQIIII", record, 4)
    return cbid, start, end, correlation, value


@isolated()
def test_records_tie_work_to_calls_and_external_ids() -> None:
    profiler, s = Profiler(), stream()
    p, q = malloc(1 << 20), host_alloc(1 << 20)
    check(rt.cudaMemset(p, 1, 16))
    profiler.enable(MEMCPY, MEMSET, RUNTIME, EXTERNAL)
    profiler.cupti.cuptiActivityPushExternalCorrelationId(3, 77)
    check(rt.cudaMemsetAsync(p, 5, 1000, s))
    profiler.cupti.cuptiActivityPopExternalCorrelationId(3, ffi.NULL)
    check(rt.cudaMemcpyAsync(q, p, 1 << 20, DEVICE_TO_HOST, s))
    check(rt.cudaMemcpyAsync(p, ffi.from_buffer(bytes(100)), 100, HOST_TO_DEVICE, s))
    check(rt.cudaDeviceSynchronize())
    assert rt.cudaMemcpyAsync(p, q, 1 << 21, HOST_TO_DEVICE, s) == 1
    profiler.disable(MEMCPY, MEMSET, RUNTIME, EXTERNAL)
    check(rt.cudaMemset(p, 1, 16))
    records = profiler.flush()
    calls = [call_of(record) for record in records[RUNTIME]]
    assert [call[0] for call in calls] == [MEMSET_ASYNC, MEMCPY_ASYNC, MEMCPY_ASYNC, DEVICE_SYNCHRONIZE, MEMCPY_ASYNC]
    assert [call[4] for call in calls] == [0, 0, 0, 0, 1]
    assert all(a[2] <= b[1] for a, b in zip(calls, calls[1:])), "one after another"
    (fill,) = records[MEMSET]
    value, size, start, end, *_, correlation = struct.unpack_from("<IQQQIIII", fill, 4)
    assert (value, size, correlation) == (5, 1000, calls[0][3]) and 0 < start <= end
    copies = [copy_of(record) for record in records[MEMCPY]]
    assert [(kind, size) for kind, size, *_ in copies] == [(2, 1 << 20), (1, 100)]
    assert end <= copies[0][2] <= copies[0][3] <= copies[1][3]
    assert copies[0][4] == copies[1][4] >= 32, "the stream's number"
    (external,) = records[EXTERNAL]
    assert struct.unpack_from("<IQI", external, 4) == (3, 77, calls[0][3])
    assert profiler.flush() == {}
    name = ffi.new("const char **")
    assert profiler.cupti.cuptiGetCallbackName(2, MEMSET_ASYNC, name) == 0
    assert ffi.string(name[0]) == b"cudaMemsetAsync_v3020"
    assert profiler.cupti.cuptiGetCallbackName(2, 9999, name) == 1


@isolated(timeout=120)
def test_more_commands_than_the_table_of_times_holds() -> None:
    """The times of 70,000 fills and of a graph's are read before their entries are used again."""
    profiler, s = Profiler(room=4096), stream()
    p = malloc(64)
    profiler.enable(MEMSET)
    for i in range(70_000):
        rt.cudaMemsetAsync(p, i & 255, 64, s)
    check(rt.cudaStreamBeginCapture(s, 0))
    for i in range(100):
        rt.cudaMemsetAsync(p, i, 64, s)
    graph, executable = ffi.new("cudaGraph_t *"), ffi.new("cudaGraphExec_t *")
    check(rt.cudaStreamEndCapture(s, graph))
    check(rt.cudaGraphInstantiate(executable, graph[0], 0))
    check(rt.cudaGraphLaunch(executable[0], s))
    check(rt.cudaDeviceSynchronize())
    fills = profiler.flush()[MEMSET]
    values = [struct.unpack_from("<I", record, 4)[0] for record in fills]
    assert values == [i & 255 for i in range(70_000)] + list(range(100))
    times = [struct.unpack_from("<QQ", record, 16) for record in fills]
    assert all(a[0] <= a[1] <= b[0] for a, b in zip(times, times[1:]))


@isolated()
def test_the_profilers_own_clock() -> None:
    import time

    profiler = Profiler()
    clock = ffi.callback("uint64_t(void)", lambda: time.monotonic_ns() * 3)
    assert profiler.cupti.cuptiActivityRegisterTimestampCallback(clock) == 0
    p = malloc(1 << 24)
    q = malloc(1 << 24)
    profiler.enable(MEMCPY)
    before = time.monotonic_ns()
    check(rt.cudaMemcpy(q, p, 1 << 24, DEVICE_TO_DEVICE))
    after = time.monotonic_ns()
    time.sleep(0.05)
    _, _, start, end, _ = copy_of(profiler.flush()[MEMCPY][0])
    slack = 3 * 2_000_000
    assert 3 * before - slack <= start < end <= 3 * after + slack
    assert download(q, 1) == b"\0"


@isolated()
def test_waiting_is_recorded() -> None:
    """Types: 1 an event, 2 a stream for an event, 3 a stream, 4 everything. What a call does not wait for is ~0."""
    profiler, s, t = Profiler(), stream(), stream()
    event = ffi.new("cudaEvent_t *")
    check(rt.cudaEventCreateWithFlags(event, 2))
    profiler.enable(EVENT, SYNC)
    check(rt.cudaEventRecord(event[0], s))
    check(rt.cudaStreamWaitEvent(t, event[0], 0))
    check(rt.cudaEventSynchronize(event[0]))
    check(rt.cudaStreamSynchronize(t))
    check(rt.cudaDeviceSynchronize())
    profiler.disable(EVENT, SYNC)
    records = profiler.flush()
    (recorded,) = records[EVENT]
    _, _, stream_s, event_id = struct.unpack_from("<IIII", recorded, 4)
    waits = [struct.unpack_from("<IQQIIII", record, 4) for record in records[SYNC]]
    none = 2**32 - 1
    assert [wait[0] for wait in waits] == [2, 1, 3, 4]
    assert [wait[6] for wait in waits] == [event_id, event_id, none, none]
    assert waits[0][5] == waits[2][5] != stream_s, "the stream that waits"
    assert [wait[5] for wait in waits[1::2]] == [none, none]
    assert all(wait[1] <= wait[2] for wait in waits)


NVTX_CALLS = """
    typedef struct { size_t size; int (*functions)(uint32_t, void ***, uint32_t *); } nvtx_callbacks;
    typedef struct { uint16_t version, size; uint32_t category; int32_t colorType; uint32_t color; int32_t payloadType;
                     int32_t reserved; double payload; int32_t messageType; const void *message; } nvtx_attributes;
    typedef struct { const char *name; const uint64_t *parameters; const int *result; } nvtx_data;
"""


class NvtxCopy:
    """The tables of one program's copy of NVTX, as its header lays them out."""

    def __init__(self, cupti: Any) -> None:
        self.ffi = type(ffi)()
        self.ffi.cdef(NVTX_CALLS)
        self.slots = {module: self.ffi.new("void *[16]") for module in range(1, 7)}
        self.tables = {m: self.ffi.new("void *[16]", [slots + i for i in range(16)]) for m, slots in self.slots.items()}

        @self.ffi.callback("int(uint32_t, void ***, uint32_t *)")
        def functions(module: int, table: Any, count: Any) -> int:
            table[0], count[0] = self.tables[module], 16
            return 1

        callbacks = self.ffi.new("nvtx_callbacks *", (16, functions))
        get = self.ffi.callback("void *(uint32_t)", lambda number: callbacks if number == 1 else self.ffi.NULL)
        assert cupti.InitializeInjectionNvtx2(ffi.cast("void *", int(self.ffi.cast("uintptr_t", get)))) == 1

    def call(self, signature: str, module: int, number: int, *arguments: Any) -> Any:
        return self.ffi.cast(signature, self.slots[module][number])(*arguments)


def marker_of(record: bytes) -> tuple[int, int, int, bytes | None, bytes | None]:
    """Flags, time, id, name, domain."""
    flags, time, number = struct.unpack_from("<IQI", record, 4)
    strings = [ffi.string(ffi.cast("char *", p)) if p else None for p in struct.unpack_from("<QQ", record, 40)]
    return flags, time, number, *strings


@isolated()
def test_nvtx_ranges_and_names() -> None:
    profiler = Profiler()
    nvtx = NvtxCopy(profiler.cupti)
    wide = nvtx.ffi.new("wchar_t[]", "gr\u00f6\u00dfer \U0001d11e")
    push, pop, core, core2, cudart = "int(*)(char *)", "int(*)(void)", 1, 5, 4
    assert nvtx.call(push, core, 9, b"before") == 0
    profiler.enable(NAME, MARKER, MARKER_DATA)
    assert nvtx.call(push, core, 9, b"outer") == 1
    assert nvtx.call("int(*)(wchar_t *)", core, 10, wide) == 2
    domain = nvtx.call("void *(*)(char *)", core2, 12, b"my library")
    registered = nvtx.call("void *(*)(void *, char *)", core2, 10, domain, b"registered")
    attributes = nvtx.ffi.new("nvtx_attributes *", (3, 48, 9, 1, 0xFF00FF00, 3, 0, 2.5, 3, registered))
    assert nvtx.call("int(*)(void *, void *)", core2, 4, domain, attributes) == 0, "each domain has its own depth"
    assert nvtx.call(pop, core, 11) == 2
    assert nvtx.call("int(*)(void *)", core2, 5, domain) == 0
    assert [nvtx.call(pop, core, 11) for _ in range(3)] == [1, 0, -2]
    crossing = [nvtx.call("uint64_t(*)(char *)", core, 5, name) for name in (b"first", b"second")]
    for number in crossing:
        nvtx.call("void(*)(uint64_t)", core, 7, number)
    nvtx.call("void(*)(char *)", core, 2, b"now")
    s = stream()
    nvtx.call("void(*)(void *, char *)", cudart, 3, nvtx.ffi.cast("void *", int(ffi.cast("uintptr_t", s))), b"copies")
    profiler.disable(NAME, MARKER, MARKER_DATA)
    nvtx.call("void(*)(char *)", core, 2, b"unseen")
    records = profiler.flush()
    marks = [marker_of(record) for record in records[MARKER]]
    start, end, instantaneous = 2, 4, 1
    names: dict[int, bytes | None] = {mark[2]: mark[3] for mark in marks if mark[0] == start}
    library, text = b"my library", "gr\u00f6\u00dfer \U0001d11e".encode()
    assert [(mark[0], names.get(mark[2], mark[3]), mark[4]) for mark in marks] == [
        (start, b"outer", None),
        (start, text, None),
        (start, b"registered", library),
        (end, text, None),
        (end, b"registered", library),
        (end, b"outer", None),
        (end, None, None),  # begun before anyone listened
        (start, b"first", None),
        (start, b"second", None),
        (end, b"first", None),
        (end, b"second", None),
        (instantaneous, b"now", None),
    ]
    assert all(0 < a[1] <= b[1] for a, b in zip(marks, marks[1:]))
    (data,) = records[MARKER_DATA]
    argb, double = 2, 0
    assert struct.unpack_from("<IIIdII", data, 4) == (argb, marks[2][2], double, 2.5, 0xFF00FF00, 9)
    (name,) = records[NAME]
    assert ffi.string(ffi.cast("char *", struct.unpack_from("<Q", name, 24)[0])) == b"copies"
    assert struct.unpack_from("<I", name, 16)[0] >= 32, "the stream's number"


@isolated()
def test_nvtx_calls_reach_a_subscriber() -> None:
    profiler, nvtx_domain, push_id = Profiler(), 5, 8
    nvtx, seen = NvtxCopy(profiler.cupti), []

    @ffi.callback("void(void *, uint32_t, uint32_t, const void *)")
    def called(user: Any, domain: int, cbid: int, data: Any) -> None:
        d = nvtx.ffi.cast("nvtx_data *", int(ffi.cast("uintptr_t", data)))
        text = nvtx.ffi.string(nvtx.ffi.cast("char *", d.parameters[0]))
        seen.append((domain, cbid, nvtx.ffi.string(d.name), text, d.result[0]))

    subscriber = ffi.new("CUpti_SubscriberHandle *")
    assert profiler.cupti.cuptiSubscribe(subscriber, called, ffi.NULL) == 0
    assert profiler.cupti.cuptiEnableCallback(1, subscriber[0], nvtx_domain, push_id) == 0
    nvtx.call("int(*)(char *)", 1, 9, b"a")
    nvtx.call("int(*)(char *)", 1, 9, b"b")
    nvtx.call("int(*)(void)", 1, 11)
    assert profiler.cupti.cuptiUnsubscribe(subscriber[0]) == 0
    nvtx.call("int(*)(char *)", 1, 9, b"c")
    assert seen == [(5, 8, b"nvtxRangePushA", b"a", 0), (5, 8, b"nvtxRangePushA", b"b", 1)]
    name = ffi.new("const char **")
    assert profiler.cupti.cuptiGetCallbackName(nvtx_domain, 43, name) == 0
    assert ffi.string(name[0]) == b"nvtxDomainDestroy"


def test_torch_profiler_shows_kernels(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import sys, torch
        from torch.profiler import ProfilerActivity, profile, schedule

        x = torch.randn(256, 256, device="cuda")
        def step():
            y = (x @ x).relu().sum()
            return torch.zeros(1000, device="cuda"), y.item()
        step()
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
            for _ in range(3):
                step()
        events = {e.key: e for e in p.key_averages()}
        for name in ("aten::mm", "aten::relu", "aten::sum", "aten::zeros"):
            assert events[name].device_time_total > 0, name
        assert events["cudaLaunchKernel"].count >= 12
        p.export_chrome_trace(sys.argv[1])
        # a second session, with a schedule
        steps = []
        with profile(activities=[ProfilerActivity.CUDA], schedule=schedule(wait=1, warmup=1, active=2),
                     on_trace_ready=lambda q: steps.append(sum(e.device_time_total for e in q.key_averages()))) as p:
            for _ in range(4):
                step()
                p.step()
        assert len(steps) == 1 and steps[0] > 0, steps
        """)
    )
    trace = tmp_path / "trace.json"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("maf-exec")), sys.executable, str(program), str(trace)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    events = json.loads(trace.read_text())["traceEvents"]
    kernels = [event for event in events if event.get("cat") == "kernel"]
    names = [event["name"] for event in kernels]
    assert sum("clamp" in name for name in names) == 3
    assert sum("reduce_kernel" in name for name in names) == 3
    assert sum("modnn_gemm_f32_256x256x256" in name for name in names) == 3
    calls = {e["args"]["correlation"]: e for e in events if e.get("cat") in ("cuda_runtime", "cuda_driver")}
    operators = {e["args"]["External id"]: e for e in events if e.get("cat") == "cpu_op"}
    for kernel in kernels:
        call = calls[kernel["args"]["correlation"]]
        assert call["ts"] <= kernel["ts"] + 20 and kernel["dur"] > 0
        assert operators[kernel["args"]["External id"]]["name"].startswith("aten::")
