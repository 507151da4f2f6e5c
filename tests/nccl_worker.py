"""One rank of tests/test_nccl.py: python nccl_worker.py WORLD FILE what ... starts all ranks, which meet in FILE."""

from __future__ import annotations

import copy
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn


def everything(rank: int, world: int) -> None:
    """Each collective and message against its definition."""

    def full(value: float, n: int = 1000) -> torch.Tensor:
        return torch.full((n,), float(value), device="cuda")

    for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.uint8):
        t = torch.arange(5000, device="cuda").remainder(7).to(dtype) + rank
        dist.all_reduce(t)
        assert torch.equal(t.cpu(), (torch.arange(5000) % 7).to(dtype) * world + sum(range(world))), dtype
    t = full(rank + 1)
    dist.all_reduce(t, op=dist.ReduceOp.AVG)
    assert t[3].item() == (world + 1) / 2
    t = full(rank + 1)
    dist.all_reduce(t, op=dist.ReduceOp.MAX)
    assert t[3].item() == world
    t = full(rank)
    dist.broadcast(t, src=1)
    assert t[5].item() == 1
    t = full(rank + 1)
    dist.reduce(t, dst=1)
    assert rank != 1 or t[0].item() == sum(range(1, world + 1))
    parts = [torch.empty(10, device="cuda") for _ in range(world)]
    dist.all_gather(parts, full(rank, 10))
    assert [part[0].item() for part in parts] == list(range(world))
    got = torch.empty(2 * world, device="cuda")
    dist.all_to_all_single(got, torch.arange(2.0 * world, device="cuda") + 100 * rank)
    assert got.tolist() == [100 * i + 2 * rank + k for i in range(world) for k in range(2)]
    scattered = torch.empty(10, device="cuda")
    dist.reduce_scatter(scattered, list(torch.arange(10.0 * world, device="cuda").chunk(world)))
    assert torch.equal(scattered.cpu(), torch.arange(10.0 * world)[rank * 10 : rank * 10 + 10] * world)
    received = torch.empty(3, device="cuda")
    messages = [
        dist.P2POp(dist.isend, full(rank, 3), (rank + 1) % world),
        dist.P2POp(dist.irecv, received, (rank - 1) % world),
    ]
    for work in dist.batch_isend_irecv(messages):
        work.wait()
    assert received[0].item() == (rank - 1) % world
    some = dist.new_group([0, 1])
    if rank < 2:
        t = full(1)
        dist.all_reduce(t, group=some)
        assert t[0].item() == 2
    dist.barrier()


def training(rank: int, world: int) -> None:
    """DistributedDataParallel over parts of a batch is a step over the whole batch."""
    torch.manual_seed(0)
    whole = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    mine = nn.parallel.DistributedDataParallel(copy.deepcopy(whole).cuda(), device_ids=[torch.cuda.current_device()])
    for step in range(3):
        x = torch.randn(world * 4, 8, generator=torch.Generator().manual_seed(step))
        for model, part in ((whole, x), (mine, x[rank * 4 : rank * 4 + 4].cuda())):
            model.zero_grad()
            model(part).square().mean().backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
    for a, b in zip(mine.parameters(), whole.parameters()):
        torch.testing.assert_close(a.detach().cpu(), b.detach(), atol=1e-5, rtol=1e-5)


def sharded(rank: int, world: int) -> None:
    """Fully sharded parameters take the same steps as whole ones."""
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    whole = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    mine = copy.deepcopy(whole).cuda()
    for part in (mine[0], mine[2], mine):
        fully_shard(part)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.01) for model in (whole, mine)]
    for step in range(3):
        x = torch.randn(world * 4, 8, generator=torch.Generator().manual_seed(step))
        for model, part, optimizer in zip((whole, mine), (x, x[rank * 4 : rank * 4 + 4].cuda()), optimizers):
            optimizer.zero_grad()
            model(part).square().mean().backward()
            optimizer.step()
    for a, b in zip(mine.state_dict().values(), whole.state_dict().values()):
        torch.testing.assert_close(a.full_tensor().cpu(), b, atol=1e-4, rtol=1e-4)


def captured(rank: int, world: int) -> None:
    """A collective in a CUDA graph."""
    t = torch.ones(4, device="cuda")
    dist.all_reduce(t)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    # torch's watchdog thread asks for events meanwhile
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        dist.all_reduce(t)
    for value in (1, 5):
        t.fill_(rank + value)
        graph.replay()
        assert t.tolist() == [sum(range(world)) + world * value] * 4


def lonely(rank: int, world: int) -> None:
    """The process of rank 1 ends; the others' next collective fails soon."""
    t = torch.ones(10, device="cuda")
    dist.all_reduce(t)
    torch.cuda.synchronize()
    if rank == 1:
        os._exit(0)
    start = time.monotonic()
    try:
        dist.all_reduce(t)
        torch.cuda.synchronize()
    except Exception as error:  # noqa: BLE001 - torch names it by the release
        assert "CUDA error" in str(error), error
        print(f"failed within seconds: {time.monotonic() - start < 10}", flush=True)
        os._exit(0)


def rank_main(rank: int, world: int, meeting: str, parts: list[str]) -> None:
    torch.cuda.set_device(rank % torch.cuda.device_count())
    dist.init_process_group("nccl", init_method=f"file://{meeting}", rank=rank, world_size=world)
    for part in parts:
        {f.__name__: f for f in (everything, training, sharded, captured, lonely)}[part](rank, world)
    dist.destroy_process_group()
    os.write(1, f"rank {rank} done\n".encode())  # one call: two ranks' lines do not mix, as print's do


if __name__ == "__main__":
    world, meeting, *parts = sys.argv[1:]
    mp.spawn(rank_main, (int(world), meeting, parts), nprocs=int(world))
