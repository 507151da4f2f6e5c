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

MEMCPY, MEMSET, RUNTIME, EXTERNAL = 1, 2, 5, 39
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
                data = bytes(ffi.buffer(record[0], 48))
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
