"""``maf-vdev cache warm``: compile a library's kernels before a program needs them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

from maf_vdev.cli.environment import UsageError

IN_FLIGHT = 64  # submitted and not collected: bounds the memory that waiting kernels take


def _kernels(library: Path, pattern: re.Pattern[str]) -> Iterator[object]:
    """KernelCode of each matching kernel, in the image that an SDA would run."""
    from maf_vdev.names import readable
    from maf_vdev.sda import profiles
    from maf_vdev.translator import libraries

    capability = profiles.current().capability
    for module in libraries.modules(library):
        cubin = module.cubin(capability)
        for name in cubin.kernels() if cubin else ():
            if pattern.search(readable(name)):
                yield cubin.kernel(name)


def warm(library: str, match: str, jobs: int | None) -> None:
    """Compile the kernels of ``library`` whose readable name contains the regular expression ``match``.

    Both forms of each kernel are made, for the usual launch shape. UsageError for a wrong expression
    or when nothing matches; kernels that cannot be compiled are named on stderr.
    """
    from maf_vdev.devices.cpu import VARIANT_MASK
    from maf_vdev.translator import cache
    from maf_vdev.translator.worker import Pool

    try:
        pattern = re.compile(match)
    except re.error as error:
        raise UsageError(f"'{match}' is not a regular expression: {error}") from None
    pool = Pool(jobs or len(os.sched_getaffinity(0)))
    waiting: list[tuple[str, Future]] = []
    known = failed = made = 0

    def collect(count: int) -> None:
        nonlocal failed, made
        for name, future in [waiting.pop(0) for _ in range(count)]:
            try:
                future.result()
                made += 1
            except (Exception, CancelledError) as error:  # noqa: BLE001 - one kernel's failure is a line, not the end
                failed += 1
                print(f"maf-vdev: {name}: {error}", file=sys.stderr)

    for code in _kernels(Path(library), pattern):
        for form in ("slow", "fast"):
            if cache.contains(cache.key(code, VARIANT_MASK, form)):
                known += 1
                continue
            waiting.append((code.name, pool.submit(code, VARIANT_MASK, form)))
            if len(waiting) >= IN_FLIGHT:
                collect(1)
    collect(len(waiting))
    if not known + made + failed:
        raise UsageError(f"no kernel of {library} matches '{match}'")
    print(f"compiled {made} forms of kernels, {known} were in the cache, {failed} failed")
