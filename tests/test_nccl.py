"""NCCL with several ranks: in one process over several SDAs, and in several processes of one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuda_process import check, download, ffi, isolated, malloc, pointer, stream, upload

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import open_library, rt

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
RANKS = 3
TYPES = {0: np.int8, 1: np.uint8, 2: np.int32, 3: np.uint32, 4: np.int64, 5: np.uint64, 6: np.float16, 7: np.float32}
TYPES |= {8: np.float64}
SUM, PRODUCT, MAXIMUM, MINIMUM, AVERAGE = range(5)


class Ranks:
    """Communicators of RANKS SDAs, each with a stream; rank i's buffers come from arrays[i]."""

    def __init__(self) -> None:
        self.nccl = open_library("libmaf_nccl2.so", "libcuda_stub/nccl/nccl.h")
        self.comms, self.streams = ffi.new("ncclComm_t[]", RANKS), []
        assert self.nccl.ncclCommInitAll(self.comms, RANKS, ffi.NULL) == 0
        for i in range(RANKS):
            check(rt.cudaSetDevice(i))
            self.streams.append(stream())

    def upload(self, arrays: list[np.ndarray]) -> list[Any]:
        buffers = []
        for i, array in enumerate(arrays):
            check(rt.cudaSetDevice(i))
            buffers.append(upload(array.tobytes()))
        return buffers

    def group(self, call: Any) -> None:
        assert self.nccl.ncclGroupStart() == 0
        for i in range(RANKS):
            assert call(i, self.comms[i], self.streams[i]) == 0
        assert self.nccl.ncclGroupEnd() == 0

    def fetch(self, buffers: list[Any], like: np.ndarray) -> list[np.ndarray]:
        for s in self.streams:
            check(rt.cudaStreamSynchronize(s))
        return [np.frombuffer(download(b, like.nbytes), like.dtype) for b in buffers]


def data(dtype: Any, n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return [(rng.standard_normal(n) * 4).astype(dtype) for _ in range(RANKS)]
    return [rng.integers(0, 5, n).astype(dtype) for _ in range(RANKS)]


@isolated(MAF_COUNT="3")
def test_reductions_of_every_type() -> None:
    """Half sums are rounded once; in place and not; a length that no rank's share divides."""
    ranks, n = Ranks(), 4099
    numpy_of = {SUM: np.sum, PRODUCT: np.prod, MAXIMUM: np.max, MINIMUM: np.min, AVERAGE: np.mean}
    for number, dtype in TYPES.items():
        inputs = data(dtype, n)
        wide = np.stack(inputs).astype(np.float64)
        for op, function in numpy_of.items():
            want = function(wide, axis=0)
            want = (want if np.issubdtype(dtype, np.floating) else np.trunc(want)).astype(dtype)
            for in_place in (True, False):
                send = ranks.upload(inputs)
                receive = send if in_place else ranks.upload([np.zeros(n, dtype)] * RANKS)
                ranks.group(lambda i, c, s: ranks.nccl.ncclAllReduce(send[i], receive[i], n, number, op, c, s))
                for got in ranks.fetch(receive, want):
                    tolerance = {np.float16: 2e-3, np.float32: 1e-6, np.float64: 1e-15}.get(dtype, 0)
                    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 20)
                for p in {int(ffi.cast("uintptr_t", p)) for p in send + receive}:
                    check(rt.cudaFree(pointer(p)))


@isolated(MAF_COUNT="3")
def test_collectives_that_move() -> None:
    ranks, n, f32 = Ranks(), 1000, 7
    nccl, x = ranks.nccl, data(np.float32, n * RANKS)
    flat = np.concatenate([a[:n] for a in x])
    send, receive = ranks.upload(x), ranks.upload([np.zeros(n * RANKS, np.float32)] * RANKS)
    ranks.group(lambda i, c, s: nccl.ncclAllGather(send[i], receive[i], n, f32, c, s))
    assert all(np.array_equal(got, flat) for got in ranks.fetch(receive, x[0]))
    ranks.group(lambda i, c, s: nccl.ncclAlltoAll(send[i], receive[i], n, f32, c, s))
    for i, got in enumerate(ranks.fetch(receive, x[0])):
        assert np.array_equal(got, np.concatenate([a[i * n : i * n + n] for a in x]))
    ranks.group(lambda i, c, s: nccl.ncclReduceScatter(send[i], receive[i], n, f32, SUM, c, s))
    for i, got in enumerate(ranks.fetch(receive, x[0][:n])):
        np.testing.assert_allclose(got, np.sum(x, axis=0)[i * n : i * n + n], rtol=1e-5, atol=1e-5)
    ranks.group(lambda i, c, s: nccl.ncclBroadcast(send[i], receive[i], n, f32, 2, c, s))
    assert all(np.array_equal(got, x[2][:n]) for got in ranks.fetch(receive, x[0][:n]))
    ranks.group(lambda i, c, s: nccl.ncclReduce(send[i], receive[i], n, f32, MAXIMUM, 1, c, s))
    got = ranks.fetch(receive, x[0][:n])
    assert np.array_equal(got[1], np.max(x, axis=0)[:n]) and np.array_equal(got[0], x[2][:n])
    ranks.group(lambda i, c, s: nccl.ncclScatter(send[i], receive[i], n, f32, 1, c, s))
    assert all(np.array_equal(g, x[1][i * n : i * n + n]) for i, g in enumerate(ranks.fetch(receive, x[0][:n])))
    ranks.group(lambda i, c, s: nccl.ncclGather(send[i], receive[i], n, f32, 0, c, s))
    assert np.array_equal(ranks.fetch(receive, x[0])[0], flat)

    def ring(i: int, c: Any, s: Any) -> int:
        return nccl.ncclRecv(receive[i], n, f32, (i - 1) % RANKS, c, s) or nccl.ncclSend(
            send[i], n, f32, (i + 1) % RANKS, c, s
        )

    ranks.group(ring)
    assert all(np.array_equal(g, x[i - 1][:n]) for i, g in enumerate(ranks.fetch(receive, x[0][:n])))
    op = ffi.new("int *")
    factor = ffi.new("float *", 0.5)
    assert nccl.ncclRedOpCreatePreMulSum(op, factor, f32, 1, ranks.comms[0]) == 0
    ranks.group(lambda i, c, s: nccl.ncclAllReduce(send[i], receive[i], n, f32, op[0], c, s))
    for got in ranks.fetch(receive, x[0][:n]):
        np.testing.assert_allclose(got, np.sum(x, axis=0)[:n] / 2, rtol=1e-5, atol=1e-5)
    assert nccl.ncclRedOpDestroy(op[0], ranks.comms[0]) == 0


@isolated(MAF_COUNT="3")
def test_one_thread_per_rank_and_wrong_calls() -> None:
    """Without a group each rank's call waits for the others'. Disagreement and nonsense are refused."""
    ranks, n = Ranks(), 100
    nccl, x = ranks.nccl, data(np.float32, n)
    buffers, errors = ranks.upload(x), []

    def call(i: int) -> None:
        check(rt.cudaSetDevice(i))
        errors.append(nccl.ncclAllReduce(buffers[i], buffers[i], n, 7, SUM, ranks.comms[i], ranks.streams[i]))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(RANKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == [0, 0, 0]
    for got in ranks.fetch(buffers, x[0]):
        np.testing.assert_allclose(got, np.sum(x, axis=0), rtol=1e-5, atol=1e-5)
    c, s = ranks.comms[0], ranks.streams[0]
    assert nccl.ncclAllReduce(buffers[0], buffers[0], n, 7, 99, c, s) == 4
    assert nccl.ncclAllReduce(buffers[0], buffers[0], n, 77, SUM, c, s) == 4
    assert nccl.ncclBroadcast(buffers[0], buffers[0], n, 7, 3, c, s) == 4
    assert nccl.ncclAllReduce(ffi.NULL, buffers[0], n, 7, SUM, c, s) == 4
    nccl.ncclGroupStart()
    for i in range(RANKS):
        nccl.ncclAllReduce(buffers[i], buffers[i], n - i, 7, SUM, ranks.comms[i], ranks.streams[i])
    assert nccl.ncclGroupEnd() == 5
    assert nccl.ncclGroupEnd() == 5, "without a start"
    big = ffi.new("int[]", [0, 5])
    assert nccl.ncclCommInitAll(ranks.comms, 2, big) == 4
    assert malloc(16), "the context is in order"


def test_torch_over_two_devices(tmp_path: Path) -> None:
    """torch.cuda.nccl and DataParallel."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import copy, torch, torch.cuda.nccl as nccl
        from torch import nn

        def pair():
            return [torch.arange(1000.0, device=f"cuda:{i}") * (i + 1) for i in range(2)]
        x = pair()
        nccl.all_reduce(x)
        assert all(torch.equal(t.cpu(), torch.arange(1000.0) * 3) for t in x)
        x = pair()
        nccl.broadcast(x)
        assert torch.equal(x[1].cpu(), x[0].cpu())
        x, out = pair(), torch.empty(1000, device="cuda:0")
        nccl.reduce(x, out)
        assert torch.equal(out.cpu(), torch.arange(1000.0) * 3)
        whole = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        parallel = nn.DataParallel(copy.deepcopy(whole).cuda())
        batch = torch.randn(10, 8)
        for model, given in ((whole, batch), (parallel, batch.cuda())):
            model(given).square().sum().backward()
        for a, b in zip(whole.parameters(), parallel.parameters()):
            torch.testing.assert_close(a.grad, b.grad.cpu(), atol=1e-5, rtol=1e-5)
        print("parallel")
        """)
    )
    done = subprocess.run(
        [MAF_EXEC, "--count", "2", sys.executable, str(program)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "parallel\n", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("world", "parts", "segments"),
    [
        (2, ["everything", "training", "sharded", "captured"], "False"),
        (3, ["everything"], "True"),
        (2, ["lonely"], "False"),
    ],
)
def test_one_process_per_rank(world: int, parts: list[str], segments: str, tmp_path: Path) -> None:
    """With expandable segments, memory that other ranks cannot map is copied to where they can."""
    done = subprocess.run(
        [
            MAF_EXEC,
            sys.executable,
            str(Path(__file__).with_name("nccl_worker.py")),
            str(world),
            str(tmp_path / "meeting"),
            *parts,
        ],
        check=False,
        env={**os.environ, "PYTORCH_CUDA_ALLOC_CONF": f"expandable_segments:{segments}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    said = sorted(done.stdout.splitlines())
    expected = ["failed within seconds: True"] if parts == ["lonely"] else [f"rank {i} done" for i in range(world)]
    assert said == expected, done.stdout + "\n".join(line for line in done.stderr.splitlines() if "frame #" not in line)
