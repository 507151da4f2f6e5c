#!/usr/bin/env python3
"""Decodes, and with --lift also lifts and verifies in LLVM, the kernels of a wheel, library, cubin or folder.

    tools/lift_census.py PATH... [--arch 75] [--lift FORM] [--every N] [--shard I/N] [--jobs N] [--limit INSTRUCTIONS]

Prints each failure with its reason, then one summary line. Exit status 1 if anything failed to decode.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from maf_vdev.translator import decode, libraries
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import DecodeError


@dataclass(frozen=True)
class Job:
    """The kernels to look at: those whose running number is one of this shard's."""

    paths: tuple[Path, ...]
    arch: int
    every: int
    shard: int
    shards: int
    forms: tuple[str, ...]
    limit: int

    def kernels(self) -> Iterator[tuple[int, str, KernelCode]]:
        """(running number, module, kernel) of this shard. Modules without kernels of the shard stay closed."""
        number = -1
        for path in self.paths:
            for module in libraries.modules(path):
                cubin = module.cubin(divmod(self.arch, 10))
                if cubin is None:
                    continue
                for name in cubin.kernels():
                    number += 1
                    if number % self.every == 0 and number // self.every % self.shards == self.shard:
                        yield number, module.where, cubin.kernel(name)


@dataclass
class Result:
    """What became of one kernel: which stage it failed in and why, or nothing."""

    number: int
    name: str
    instructions: int = 0
    families: frozenset[str] = frozenset()
    failed: str = ""
    reason: str = ""
    skipped: bool = False
    declined: tuple[str, ...] = ()


def _lift(kernel: KernelCode, instructions: list, form: str) -> bool:
    """Lifts and verifies; False where the kernel is not of the kind that this form is for."""
    import llvmlite.binding as llvm

    from maf_vdev.translator import compile as compiler

    try:
        lifted = compiler.lift(kernel, 0, form, instructions)
    except compiler.Unsuitable:
        return False
    llvm.parse_assembly(lifted.text).verify()
    return True


def examine(number: int, kernel: KernelCode, job: Job) -> Result:
    try:
        instructions = decode.decode_code(kernel)
    except DecodeError as error:
        return Result(number, kernel.name, failed="decode", reason=str(error))
    result = Result(number, kernel.name, len(instructions), frozenset(i.op for i in instructions))
    if job.limit and len(instructions) > job.limit:
        result.skipped = True
        return result
    for form in job.forms:
        try:
            if not _lift(kernel, instructions, form):
                result.declined += (form,)
        except Exception as error:  # noqa: BLE001 - the census names whatever goes wrong
            result.failed, result.reason = form, f"{type(error).__name__}: {error}"
            break
    return result


def _work(job: Job, after: int, pipe: Connection) -> None:
    for number, _, kernel in job.kernels():
        if number > after:
            pipe.send((number, kernel.name))
            pipe.send(examine(number, kernel, job))
    pipe.send(None)


@dataclass
class Totals:
    kernels: int = 0
    instructions: int = 0
    skipped: int = 0
    families: set[str] = field(default_factory=set)
    failed: Counter = field(default_factory=Counter)
    declined: Counter = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        self.kernels += 1
        self.instructions += result.instructions
        self.skipped += result.skipped
        self.families |= result.families
        self.declined.update(result.declined)
        if result.failed:
            self.failed[result.failed] += 1
            reason = result.reason.strip().splitlines()
            print(f"{result.failed}: {result.name}: {reason[0] if reason else ''}", flush=True)


class Worker:
    """One process on one shard; started again behind the kernel that killed it (LLVM aborts on some errors)."""

    def __init__(self, job: Job, totals: Totals):
        self.job, self.totals = job, totals
        self.current: tuple[int, str] | None = None
        self.done = False
        self._start(-1)

    def _start(self, after: int) -> None:
        self.pipe, other = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=_work, args=(self.job, after, other), daemon=True)
        self.process.start()
        other.close()

    def step(self) -> None:
        try:
            message = self.pipe.recv()
        except EOFError:
            self.process.join()
            number, name = self.current or (0, "?")
            self.totals.add(Result(number, name, failed="crash", reason=f"exit status {self.process.exitcode}"))
            if self.current is None:
                self.done = True
            else:
                self.current = None
                self._start(number)
            return
        if message is None:
            self.process.join()
            self.done = True
        elif isinstance(message, Result):
            self.totals.add(message)
        else:
            self.current = message


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--arch", type=int, default=75, help="the device's compute capability, e.g. 75")
    parser.add_argument("--lift", default="", metavar="FORMS", help="also lift: slow, fast or slow,fast")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth kernel")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="take part I of N")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="do not lift kernels of more instructions")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()

    part, parts = map(int, arguments.shard.split("/"))
    forms = tuple(form for form in arguments.lift.split(",") if form)
    totals = Totals()
    started = time.monotonic()
    workers = [
        Worker(
            Job(
                tuple(arguments.paths),
                arguments.arch,
                arguments.every,
                part + parts * index,
                parts * arguments.jobs,
                forms,
                arguments.limit,
            ),
            totals,
        )
        for index in range(arguments.jobs)
    ]
    while pending := [worker for worker in workers if not worker.done]:
        ready = wait([worker.pipe for worker in pending])
        for worker in pending:
            if worker.pipe in ready:
                worker.step()
    failed = sum(totals.failed.values())
    stages = ", ".join(f"{count} in {stage}" for stage, count in totals.failed.most_common())
    print(
        f"{totals.kernels} kernels, {totals.instructions} instructions, {len(totals.families)} opcode families: "
        f"{'decoded' + ''.join(f' and lifted {form}' for form in forms)}, {failed} failed"
        + (f" ({stages})" if failed else "")
        + "".join(f", {count} not for {form}" for form, count in totals.declined.items())
        + (f", {totals.skipped} over the limit" if totals.skipped else "")
        + f", {time.monotonic() - started:.0f} s"
    )
    return 1 if totals.failed["decode"] or not totals.kernels else 0


if __name__ == "__main__":
    sys.exit(main())
