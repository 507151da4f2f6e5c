"""From an op description to a plan: ordered lists of providers, the first that accepts wins.

An op kind MAF_OP_<NAME> of shim/protocol.h lives in the module ``maf_vdev.modnn.<name>``, which
defines ``OP`` (an :class:`Op`). A provider is a function ``(op) -> Plan | None``: it returns a plan,
or None to decline. `op` is the cffi struct of the description (``maf_op_<name>``), fields as in C.
The last provider of each list is the numpy reference; falling to it is logged once per op and counted.
"""

from __future__ import annotations

import functools
import importlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from maf_vdev import protocol

log = logging.getLogger("maf_vdev.modnn")


class Unsupported(Exception):
    """No provider does this op. `name` says what is missing; it goes into the run record."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Invalid(ValueError):
    """The description contradicts itself (a negative size, a leading dimension below the row count)."""


@dataclass(frozen=True)
class Plan:
    """One op, ready to run any number of times.

    run(ptrs, scalars): runs it; `ptrs` are addresses valid in this process, in the order that
        protocol.h states for the op, `scalars` the bytes it states.
    native: addresses of ``int f(void *closure, const uint64_t *ptrs, const void *scalars)`` and of
        its closure, for the C core; f returns 0 or a cudaError_t value.
    keep: what must live as long as the plan (closure memory, library objects).
    """

    provider: str
    run: Callable[[Sequence[int], bytes], None]
    workspace_bytes: int = 0
    reserve_bytes: int = 0
    native: tuple[int, int] | None = None
    keep: Any = None


Provider = Callable[[Any], "Plan | None"]


@dataclass(frozen=True)
class Op:
    """What the registry knows of one op kind.

    providers: ``(name, "module:function")`` in order of preference; modules are imported at first use,
        and one that cannot be imported (its library is not installed) counts as declining.
    check(op): raises Invalid or Unsupported.
    describe(op): one line for logs and the run record.
    parse(description): the op, where the description is not one struct; ValueError when it is malformed.
    """

    name: str
    struct: str
    providers: tuple[tuple[str, str], ...]
    check: Callable[[Any], None]
    describe: Callable[[Any], str]
    parse: Callable[[bytes], Any] | None = None


_lock = threading.Lock()
_plans: Counter[tuple[str, str]] = Counter()
_slow: dict[str, Counter[str]] = {}
_unsupported: Counter[str] = Counter()
_missing: dict[str, str] = {}

REFERENCE = "reference"


@functools.cache
def ops() -> dict[int, Op]:
    """All op kinds by number. A kind of protocol.h without a module is left out."""
    found = {}
    for enumerator, kind in protocol.enum("maf_op_kind").items():
        name = f"maf_vdev.modnn.{enumerator.removeprefix('MAF_OP_').lower()}"
        try:
            found[kind] = importlib.import_module(name).OP
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    return found


@functools.cache
def _load(where: str) -> Provider | None:
    module, _, function = where.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, OSError) as error:
        _missing[where] = str(error)
        log.info("provider %s is not available: %s", where, error)
        return None


def make_plan(kind: int, desc: bytes, only: str | None = None) -> Plan:
    """The plan of the first provider that accepts `desc` (the bytes of the op's struct).

    only: name of the one provider to ask (tests, benchmarks).
    Raises Invalid for a contradictory description, Unsupported if all providers decline.
    """
    op_kind = ops().get(kind)
    if op_kind is None:
        raise _refuse(f"op kind {kind}")
    try:
        op = op_kind.parse(desc) if op_kind.parse else protocol.unpack(op_kind.struct, desc)
    except ValueError as error:
        raise Invalid(str(error)) from None
    try:
        op_kind.check(op)
    except Unsupported as error:
        raise _refuse(error.name) from None
    for name, where in op_kind.providers:
        if only is not None and name != only:
            continue
        provider = _load(where)
        plan = provider(op) if provider else None
        if plan is not None:
            _count(op_kind, name, op)
            return plan
    raise _refuse(op_kind.describe(op))


def _refuse(name: str) -> Unsupported:
    with _lock:
        _unsupported[name] += 1
    return Unsupported(name)


def _count(op_kind: Op, provider: str, op: Any) -> None:
    with _lock:
        _plans[op_kind.name, provider] += 1
        if provider != REFERENCE:
            return
        what = op_kind.describe(op)
        seen = _slow.setdefault(op_kind.name, Counter())
        seen[what] += 1
        first = seen[what] == 1
    if first:
        log.warning("slow: %s runs on the numpy reference", what)


def statistics() -> dict[str, Any]:
    """Counts since the start, as JSON-ready data.

    plans: {op: {provider: plans made}}; slow: {op: {description: plans on the reference}};
    unsupported: {name: refusals}; missing: {provider: why it could not be loaded}.
    """
    with _lock:
        plans: dict[str, dict[str, int]] = {}
        for (op, provider), count in _plans.items():
            plans.setdefault(op, {})[provider] = count
        return {
            "plans": plans,
            "slow": {op: dict(seen) for op, seen in _slow.items()},
            "unsupported": dict(_unsupported),
            "missing": dict(_missing),
        }
