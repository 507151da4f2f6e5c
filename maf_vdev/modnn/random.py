"""Random op: cuRAND's host generators. Checks, description line, the layout of a generator's state."""

from __future__ import annotations

from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.gemm import F32, F64, I32, TYPE_NAMES
from maf_vdev.modnn.registry import Invalid, Op, Unsupported

SEED, GENERATE = (protocol.constant(f"MAF_RANDOM_{name}") for name in ("SEED", "GENERATE"))
XORWOW, MRG32K3A, PHILOX = (protocol.constant(f"MAF_{name}") for name in ("XORWOW", "MRG32K3A", "PHILOX"))
GENERATORS = {XORWOW: "xorwow", MRG32K3A: "mrg32k3a", PHILOX: "philox"}
DISTRIBUTIONS = {
    value: name.removeprefix("MAF_RANDOM_").lower() for name, value in protocol.enum("maf_random_distribution").items()
}
STATE_WORDS = {XORWOW: 6, MRG32K3A: 6, PHILOX: 1}
HEADER_BYTES = 32


def state_bytes(op: Any) -> int:
    """Size of a generator's state in memory."""
    return HEADER_BYTES + 4 * op.lanes * STATE_WORDS[op.generator]


def check(op: Any) -> None:
    """Raises Invalid for contradictions, Unsupported for unknown generators."""
    if op.routine not in (SEED, GENERATE) or op.lanes < 1:
        raise Invalid(f"random routine {op.routine}, {op.lanes} lanes")
    if op.generator not in GENERATORS:
        raise Unsupported(f"random generator {op.generator}")
    if op.routine == SEED:
        return
    name = DISTRIBUTIONS.get(op.distribution)
    if name is None or op.type not in ((I32,) if name in ("bits", "poisson") else (F32, F64)):
        raise Invalid(describe(op))


def describe(op: Any) -> str:
    """One line: generator, distribution, type."""
    generator = GENERATORS.get(op.generator, op.generator)
    if op.routine == SEED:
        return f"random seed {generator}"
    return (
        f"random {DISTRIBUTIONS.get(op.distribution, op.distribution)} {generator} {TYPE_NAMES.get(op.type, op.type)}"
    )


OP = Op(
    name="random",
    struct="maf_op_random",
    providers=(("core", "maf_vdev.modnn.providers.core_random:random"),),
    check=check,
    describe=describe,
)
