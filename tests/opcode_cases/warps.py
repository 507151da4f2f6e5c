"""Shuffles, votes, matches, special registers and CTA barriers."""

from __future__ import annotations

import numpy as np

from .harness import THREADS, Case

CASES: list[Case] = []
WARPS = THREADS // 32


def case(text: str, inputs: dict, expect) -> None:
    CASES.append(Case(text, inputs, expect))


def shuffled(v, mode: str, select, clamp):
    """PTX ISA, shfl.sync, lane by lane."""
    select = np.broadcast_to(np.asarray(select, np.int64), THREADS)
    clamp = np.broadcast_to(np.asarray(clamp, np.int64), THREADS)
    out, inside = np.zeros(THREADS, np.uint32), np.zeros(THREADS, bool)
    for t in range(THREADS):
        lane, b, c = t % 32, int(select[t]) & 31, int(clamp[t]) & 31
        segment = int(clamp[t]) >> 8 & 31
        last = lane & segment | c & ~segment
        first = lane & segment
        j = {"UP": lane - b, "DOWN": lane + b, "BFLY": lane ^ b, "IDX": first | b & ~segment}[mode]
        ok = j >= last if mode == "UP" else j <= last
        out[t] = v.R5[t - lane + (j if ok else lane)]
        inside[t] = ok
    return {"R4": out, "P0": inside}


for mode in ("IDX", "UP", "DOWN", "BFLY"):
    full = 0 if mode == "UP" else 0x1F
    for offset in (0, 1, 2, 16, 31):
        case(
            f"SHFL.{mode} P0, R4, R5, {offset:#x}, {full:#x}",
            {"R5": "i32"},
            lambda v, m=mode, o=offset, c=full: shuffled(v, m, o, c),
        )
    for segment in (0x181C if mode != "UP" else 0x1800, 0x1C00 | full, 0x101F):
        case(
            f"SHFL.{mode} P0, R4, R5, 0x3, {segment:#x}",
            {"R5": "i32"},
            lambda v, m=mode, c=segment: shuffled(v, m, 3, c),
        )
    case(
        f"SHFL.{mode} P0, R4, R5, R6, {full:#x}",
        {"R5": "i32", "R6": "lane"},
        lambda v, m=mode, c=full: shuffled(v, m, v.R6, c),
    )
    case(
        f"SHFL.{mode} P0, R4, R5, R6, R7",
        {"R5": "i32", "R6": "lane", "R7": "clamp"},
        lambda v, m=mode: shuffled(v, m, v.R6, v.R7),
    )
case("SHFL.IDX PT, R4, R5, RZ, 0x1f", {"R5": "i32"}, lambda v: {"R4": np.repeat(v.R5.reshape(WARPS, 32)[:, 0], 32)})


def mask_of(bits):
    rows = bits.reshape(WARPS, 32).astype(np.uint64) << np.arange(32, dtype=np.uint64)
    return np.repeat(rows.sum(axis=1).astype(np.uint32), 32)


FULL = np.full(THREADS, 0xFFFFFFFF, np.uint32)


def voted(bits, mode: str, active=None):
    active = np.ones(THREADS, bool) if active is None else active
    mask, all_lanes = mask_of(bits & active), mask_of(active)
    if mode == "ANY":
        flag = mask != 0
    elif mode == "ALL":
        flag = mask == all_lanes
    else:
        flag = (mask == 0) | (mask == all_lanes)
    return mask, flag


for mode in ("ANY", "ALL", "EQ"):
    case(f"VOTE.{mode} R4, P0, P2", {"P2": "pred"}, lambda v, m=mode: dict(zip(("R4", "P0"), voted(v.P2, m))))
    # Whole warps agree: R5 < 3 compared per warp.
    case(
        f"SHFL.IDX PT, R6, R5, RZ, 0x1f ; ISETP.LT.AND P2, PT, R6, 0x2, PT ; VOTE.{mode} P0, !P2",
        {"R5": "few"},
        lambda v, m=mode: {"P0": voted(~(np.repeat(v.R5.reshape(WARPS, 32)[:, 0], 32) < 2), m)[1]},
    )
    case(
        f"@P3 VOTE.{mode} R4, P0, P2",
        {"P2": "pred", "P3": "pred", "P0": "pred", "R4": "i32"},
        lambda v, m=mode: {
            "R4": np.where(v.P3, voted(v.P2, m, v.P3)[0], v.R4),
            "P0": np.where(v.P3, voted(v.P2, m, v.P3)[1], v.P0),
        },
    )
case("VOTE.ANY R4, PT, PT", {}, lambda v: {"R4": FULL})
case("VOTEU.ANY UR4, UPT, PT", {}, lambda v: {"UR4": FULL})


def matched(values, active=None):
    active = np.ones(THREADS, bool) if active is None else active
    out = np.zeros(THREADS, np.uint32)
    for t in range(THREADS):
        for lane in range(32):
            other = t - t % 32 + lane
            if active[other] and values[other] == values[t]:
                out[t] |= np.uint32(1 << lane)
    return out


case("MATCH.ANY R4, R5", {"R5": "few"}, lambda v: {"R4": matched(v.R5)})
case("MATCH.ANY.U64 R4, R6", {"R6": "few64"}, lambda v: {"R4": matched(v.R6)})
case(
    "@P2 MATCH.ANY R4, R5",
    {"R5": "few", "P2": "pred", "R4": "i32"},
    lambda v: {"R4": np.where(v.P2, matched(v.R5, v.P2), v.R4)},
)
case(
    "SHF.R.U32.HI R6, RZ, 0x5, R250 ; ISETP.GT.AND P1, PT, R6, 0x3, PT ; @P1 MOV R5, 0x7 ; MATCH.ALL P0, R4, R5",
    {"R5": "few"},
    lambda v: {"R4": np.where(v.tid >= 128, FULL, 0).astype(np.uint32), "P0": v.tid >= 128},
)
case("R2UR UR4, R5", {"R5": "i32"}, lambda v: {"UR4": np.repeat(v.R5.reshape(WARPS, 32)[:, 0], 32)})


def first_where(v):
    """The register is the warp's: lanes whose guard fails have it too. A warp without any keeps its zero."""
    words, lanes = v.R5.reshape(WARPS, 32), v.P0.reshape(WARPS, 32)
    picked = np.where(lanes.any(axis=1), words[np.arange(WARPS), lanes.argmax(axis=1)], 0)
    return {"UR4": np.repeat(picked.astype(np.uint32), 32)}


case("@P0 R2UR UR4, R5", {"R5": "i32", "P0": "pred"}, first_where)
for name, function in {
    "SR_TID.X": lambda v: v.tid,
    "SR_TID.Y": lambda v: v.tid * 0,
    "SR_CTAID.X": lambda v: v.tid * 0,
    "SR_LANEID": lambda v: v.lane,
    "SR_EQMASK": lambda v: np.uint32(1) << v.lane,
    "SR_LTMASK": lambda v: (np.uint32(1) << v.lane) - np.uint32(1),
    "SR_LEMASK": lambda v: np.uint32(0xFFFFFFFF) >> (np.uint32(31) - v.lane),
    "SR_GTMASK": lambda v: ~(np.uint32(0xFFFFFFFF) >> (np.uint32(31) - v.lane)),
    "SR_GEMASK": lambda v: np.uint32(0xFFFFFFFF) << v.lane,
}.items():
    case(f"S2R R4, {name}", {}, lambda v, f=function: {"R4": f(v)})
case("S2R R4, SR_VIRTID ; SHF.R.U32.HI R4, RZ, 0x8, R4", {}, lambda v: {"R4": v.tid // np.uint32(32)})
case(
    "S2R R4, SR_VIRTUALSMID ; ISETP.LT.U32.AND P0, PT, R4, c[0x0][0x10c], PT",
    {},
    lambda v: {"P0": np.ones(THREADS, bool)},
)
case("S2R R4, SR_LMEMHIOFF ; ISETP.GE.U32.AND P0, PT, R1, R4, PT", {}, lambda v: {"P0": np.ones(THREADS, bool)})
case("S2UR UR4, SR_CTAID.Y", {}, lambda v: {"UR4": np.zeros((), np.uint32)})
case("CS2R R4, SRZ", {}, lambda v: {"R4": np.zeros(THREADS, np.uint64)})
case(
    "CS2R.32 R4, SR_CLOCKLO ; CS2R R6, SR_CLOCKLO ; ISETP.GE.U32.AND P0, PT, R6, R4, PT",
    {},
    lambda v: {"P0": np.ones(THREADS, bool)},
)

# CTA-wide: reductions by barrier, and data handed from warp to warp.
case(
    "BAR.RED.POPC 0x0, P2 ; B2R.RESULT R4, P0",
    {"P2": "pred"},
    lambda v: {"R4": np.full(THREADS, v.P2.sum(), np.uint32), "P0": np.ones(THREADS, bool)},
)
case("BAR.RED.OR 0x0, !P2 ; B2R.RESULT RZ, P0", {"P2": "pred"}, lambda v: {"P0": np.ones(THREADS, bool)})
case(
    "BAR.RED.AND.DEFER_BLOCKING 0x0, P2 ; B2R.RESULT RZ, P0", {"P2": "pred"}, lambda v: {"P0": np.zeros(THREADS, bool)}
)
case("BAR.RED.AND 0x0, PT ; B2R.RESULT RZ, P0", {}, lambda v: {"P0": np.ones(THREADS, bool)})
case(
    "STS [R8.X4], R12 ; BAR.SYNC.DEFER_BLOCKING 0x0 ; LDS.U R4, [R9.X4] ; BAR.SYNC 0x1, 0x100 ; STS [R8.X4], R13 ; "
    "BAR.SYNC 0x0 ; LDS.U R5, [R9.X4]",
    {"R8": "element", "R9": "element", "R12": "i32", "R13": "i32"},
    lambda v: {"R4": v.R12[np.argsort(v.R8)][v.R9], "R5": v.R13[np.argsort(v.R8)][v.R9]},
)
for text in (
    "NOP",
    "YIELD",
    "MEMBAR.SC.GPU",
    "MEMBAR.ALL.SYS",
    "ERRBAR",
    "CCTL.IVALL",
    "NANOSLEEP.WARP 0x40",
    "WARPSYNC 0xffffffff",
    "BMOV.32.CLEAR RZ, B0",
):
    case(f"{text} ; IADD3 R4, R5, 0x1, RZ", {"R5": "i32"}, lambda v: {"R4": v.R5 + np.uint32(1)})


# Control flow: divergence, loops with different trip counts, predicate operands, calls.
def program(text: str, inputs: dict, expect) -> None:
    """Targets are written ``@n``: the n-th instruction of the text."""
    CASES.append(Case(text, inputs, expect))


program(
    "BSSY B0, @5 ; @P2 BRA @4 ; IADD3 R4, R5, 0x1, RZ ; BRA @5 ; IADD3 R4, R5, 0x2, RZ ; BSYNC B0",
    {"R5": "i32", "P2": "pred"},
    lambda v: {"R4": v.R5 + np.where(v.P2, 2, 1).astype(np.uint32)},
)
program(
    "BSSY B0, @5 ; @P2 BRA !P3, @4 ; IADD3 R4, R5, 0x1, RZ ; BRA @5 ; IADD3 R4, R5, 0x2, RZ ; BSYNC B0",
    {"R5": "i32", "P2": "pred", "P3": "pred"},
    lambda v: {"R4": v.R5 + np.where(v.P2 & ~v.P3, 2, 1).astype(np.uint32)},
)
# sum of 0..R6
program(
    "MOV R4, RZ ; BSSY B0, @7 ; ISETP.EQ.AND P0, PT, R6, RZ, PT ; @P0 BRA @7 ; IADD3 R4, R4, R6, RZ ; "
    "IADD3 R6, R6, -0x1, RZ ; BRA @2 ; BSYNC B0",
    {"R6": "lane"},
    lambda v: {"R4": v.R6 * (v.R6 + np.uint32(1)) // np.uint32(2)},
)
program(
    "BSSY B0, @6 ; MOV R8, {3} ; CALL.REL.NOINC @7 ; MOV R8, {5} ; @P2 CALL.REL.NOINC @7 ; NOP ; BRA @9 ; "
    "IMAD R4, R4, 0x3, R5 ; RET.REL.NODEC R8 0x0 ; BSYNC B0",
    {"R4": "i32", "R5": "i32", "P2": "pred"},
    lambda v: {"R4": np.where(v.P2, (v.R4 * np.uint32(3) + v.R5) * np.uint32(3) + v.R5, v.R4 * np.uint32(3) + v.R5)},
)
# A table jump: R8 holds the byte offset of the target.
program(
    "IMAD R8, R5, 0x20, RZ ; IADD3 R8, R8, {3}, RZ ; BRX R8 -{3} ; "
    "MOV R4, 0x11 ; BRA @13 ; MOV R4, 0x22 ; BRA @13 ; MOV R4, 0x33 ; BRA @13 ; MOV R4, 0x44 ; BRA @13 ; "
    "MOV R4, 0x55 ; BRA @13 ; NOP",
    {"R5": "few"},
    lambda v: {"R4": (v.R5 + np.uint32(1)) * np.uint32(0x11)},
)
# Lanes that exit take no part afterwards, and barriers do not wait for them.
program(
    "@P2 EXIT P3 ; BAR.SYNC 0x0 ; VOTE.ANY R4, PT, PT",
    {"P2": "pred", "P3": "pred"},
    lambda v: {"R4": np.where(v.P2 & v.P3, 0, mask_of(~(v.P2 & v.P3))).astype(np.uint32)},
)


# --- memory between lanes -------------------------------------------------------------------------
# __syncwarp is WARPSYNC, or a NOP where the compiler knows that the warp runs together: what a lane stored before it,
# the others load behind it.
ACROSS = "S2R R8, SR_TID.X ; SHF.L.U32 R9, R8, 0x2, RZ ; LOP3.LUT R10, R9, 0x7c, RZ, 0x3c, !PT ; "


def from_the_opposite_lane(v):
    return {"R4": v.R12.reshape(WARPS, 32)[:, ::-1].ravel()}


for sync in ("NOP", "WARPSYNC 0xffffffff"):
    case(f"{ACROSS}STS [R9], R12 ; {sync} ; LDS.U R4, [R10]", {"R12": "i32"}, from_the_opposite_lane)


def across_scratch(v):
    scratch = v.scratch.copy()
    scratch.view(np.uint32)[8 : 8 + v.R12.size] = v.R12
    return {**from_the_opposite_lane(v), "scratch": scratch}


case(
    f"{ACROSS}STG.E.SYS [R9.U32+UR8], R12 ; NOP ; LDG.E.SYS R4, [R10.U32+UR8]",
    {"R12": "i32", "UR8": "ptr4"},
    across_scratch,
)
