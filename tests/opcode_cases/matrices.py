"""Tensor-core instructions against NumPy's matrix product, through the fragment layouts of the PTX ISA."""

from __future__ import annotations

import numpy as np

from .harness import THREADS, Case

CASES: list[Case] = []
WARPS = THREADS // 32
LANE = np.arange(32)
G, T = LANE // 4, LANE % 4


def halves(words):
    """(warps, 32) words -> (warps, 32, 2) halves."""
    return np.ascontiguousarray(words.reshape(WARPS, 32)).view(np.float16).reshape(WARPS, 32, 2).astype(np.float64)


def matrix_a(words_low, words_high):
    """16 x 8 from the two registers."""
    a = np.zeros((WARPS, 16, 8))
    for register, start in ((words_low, 0), (words_high, 8)):
        h = halves(register)
        for j in (0, 1):
            a[:, G + start, 2 * T + j] = h[:, :, j]
    return a


def matrix_b(words):
    """8 x 8: k along rows."""
    b = np.zeros((WARPS, 8, 8))
    h = halves(words)
    for j in (0, 1):
        b[:, 2 * T + j, G] = h[:, :, j]
    return b


def hmma_f32(v):
    c = np.zeros((WARPS, 16, 8))
    for n, register in enumerate((v.R12, v.R13, v.R14, v.R15)):
        c[:, G + 8 * (n // 2), 2 * T + n % 2] = register.reshape(WARPS, 32)
    d = matrix_a(v.R8, v.R9) @ matrix_b(v.R10) + c
    return {f"R{4 + n}": d[:, G + 8 * (n // 2), 2 * T + n % 2].astype(np.float32).reshape(-1) for n in range(4)}


FRAGMENTS = {"R8": "small16", "R9": "small16", "R10": "small16"}
CASES.append(Case("HMMA.1688.F32 R4, R8, R10, R12", FRAGMENTS | {f"R{12 + n}": "whole32" for n in range(4)}, hmma_f32))
CASES.append(Case("HMMA.1688.F32 R4, R8, R10, RZ", FRAGMENTS, lambda v: hmma_f32(_with_zero(v))))


def _with_zero(v):
    for n in range(4):
        setattr(v, f"R{12 + n}", np.zeros(THREADS, np.float32))
    return v


def hmma_f16(v):
    c = np.zeros((WARPS, 16, 8))
    for n, register in enumerate((v.R12, v.R13)):
        for j in (0, 1):
            c[:, G + 8 * n, 2 * T + j] = halves(register)[:, :, j]
    d = (matrix_a(v.R8, v.R9) @ matrix_b(v.R10) + c).astype(np.float16)
    out = {}
    for n in (0, 1):
        pair = np.stack([d[:, G + 8 * n, 2 * T], d[:, G + 8 * n, 2 * T + 1]], axis=-1)
        out[f"R{4 + n}"] = np.ascontiguousarray(pair).view(np.uint32).reshape(-1)
    return out


CASES.append(Case("HMMA.1688.F16 R4, R8, R10, R12", FRAGMENTS | {"R12": "small16", "R13": "small16"}, hmma_f16))


def integer_rows(words, kind: str):
    """(warps, 8, k): row g of the matrix from the four lanes of group g."""
    signed, bits = kind[0] == "S", int(kind[1:])
    per = 32 // bits
    out = np.zeros((WARPS, 8, 4 * per), np.int64)
    for n in range(per):
        field = words.reshape(WARPS, 32) >> np.uint32(bits * n) & np.uint32((1 << bits) - 1)
        field = field.astype(np.int64)
        field = np.where(signed & (field >> bits - 1 == 1), field - (1 << bits), field)
        out[:, G, per * T + n] = field
    return out


def accumulators(v):
    c = np.zeros((WARPS, 8, 8), np.int64)
    for n, register in enumerate((v.R12, v.R13)):
        c[:, G, 2 * T + n] = register.reshape(WARPS, 32).view(np.int32)
    return c


def results(d, saturate: bool):
    if saturate:
        d = np.clip(d, -(1 << 31), (1 << 31) - 1)
    return {f"R{4 + n}": (d[:, G, 2 * T + n] & 0xFFFFFFFF).astype(np.uint32).reshape(-1) for n in (0, 1)}


WORDS = {"R8": "i32", "R10": "i32", "R12": "i32", "R13": "i32"}
for shape, kinds in (("8816", ("S8", "U8")), ("8832", ("S4", "U4"))):
    for left in kinds:
        for right in kinds:
            for sat in (False, True):
                CASES.append(
                    Case(
                        f"IMMA.{shape}.{left}.{right}{'.SAT' if sat else ''} R4, R8.ROW, R10.COL, R12",
                        WORDS,
                        lambda v, a=left, b=right, s=sat: results(
                            integer_rows(v.R8, a) @ integer_rows(v.R10, b).transpose(0, 2, 1) + accumulators(v), s
                        ),
                    )
                )


def bits_of(words):
    return integer_rows(words, "U1")


CASES.append(
    Case(
        "BMMA.88128.XOR.POPC R4, R8.ROW, R10.COL, R12",
        WORDS,
        lambda v: results(
            (bits_of(v.R8)[:, :, None, :] ^ bits_of(v.R10)[:, None, :, :]).sum(-1) + accumulators(v), False
        ),
    )
)


def ldsm(v, count: int, transposed: bool):
    """Matrix j: row r is the 16 bytes at the address in lane 8j + r."""
    out = {}
    rows = v.shared.view(np.uint16).reshape(-1, 8)
    for j in range(count):
        index = v.R8_index.reshape(WARPS, 32)[:, 8 * j : 8 * j + 8]
        m = rows[index]
        m = m.transpose(0, 2, 1) if transposed else m
        pair = np.stack([m[:, G, 2 * T], m[:, G, 2 * T + 1]], axis=-1)
        out[f"R{4 + j}"] = np.ascontiguousarray(pair).view(np.uint32).reshape(-1)
    return out


for count in (1, 2, 4):
    for name in ("M88", "MT88"):
        dot = "" if count == 1 else f".{count}"
        CASES.append(
            Case(f"LDSM.16.{name}{dot} R4, [R8]", {"R8": "sptr16"}, lambda v, c=count, t=name == "MT88": ldsm(v, c, t))
        )


def transposed(v):
    m = np.zeros((WARPS, 8, 8), np.uint16)
    words = v.R8.reshape(WARPS, 32)
    for j in (0, 1):
        m[:, G, 2 * T + j] = words >> np.uint32(16 * j) & np.uint32(0xFFFF)
    m = m.transpose(0, 2, 1)
    pair = np.stack([m[:, G, 2 * T], m[:, G, 2 * T + 1]], axis=-1)
    return {"R4": np.ascontiguousarray(pair).view(np.uint32).reshape(-1)}


CASES.append(Case("MOVM.16.MT88 R4, R8", {"R8": "i32"}, transposed))


# --- HMMA.884 --------------------------------------------------------------------------------

QUAD, UPPER, LOW = LANE // 4 % 4, LANE // 16, LANE % 4


def quad_matrix(low, high, along_lanes):
    """(warps, 4 products, 8, 4): [lane of the product, element] where the lanes count rows of A or columns of B, else
    [element, lane] with 4 more for the upper half warp."""
    out = np.zeros((WARPS, 4, 8, 4))
    elements = np.concatenate([halves(low), halves(high)], axis=2)
    for i in range(4):
        if along_lanes:
            out[:, QUAD, LOW + 4 * UPPER, i] = elements[:, :, i]
        else:
            out[:, QUAD, i + 4 * UPPER, LOW] = elements[:, :, i]
    return out


def quad_product(v, a_layout, b_layout, single):
    a = quad_matrix(v.R8, v.R9, a_layout == "ROW")
    b = quad_matrix(v.R10, v.R11, b_layout == "COL")
    d = np.einsum("wqrk,wqck->wqrc", a, b)
    out = {}
    if single:
        for i in range(8):
            row, column = (LANE & 1) + (i & 2) + 4 * UPPER, (i & 4) + (LANE & 2) + (i & 1)
            c = getattr(v, f"R{12 + i}").reshape(WARPS, 32)
            out[f"R{20 + i}"] = (d[:, QUAD, row, column] + c).astype(np.float32).reshape(-1)
        return out
    for n in range(4):
        columns = [d[:, QUAD, LOW + 4 * UPPER, 2 * n + j] for j in (0, 1)]
        sums = np.stack(columns, axis=2) + halves(getattr(v, f"R{12 + n}"))
        out[f"R{20 + n}"] = sums.astype(np.float16).view(np.uint32).reshape(-1)
    return out


for layouts in (("ROW", "COL"), ("COL", "ROW")):
    for kind, steps in (("F32", 4), ("F16", 2)):
        text = " ; ".join(
            f"HMMA.884.{kind}.{kind}.STEP{n} R{20 + 2 * n}, R8.{layouts[0]}, R10.{layouts[1]}, R{12 + 2 * n}"
            for n in range(steps)
        )
        fragments = {f"R{n}": "small16" for n in range(8, 12)}
        addends = {f"R{12 + n}": "whole32" if kind == "F32" else "small16" for n in range(2 * steps)}
        CASES.append(
            Case(
                text,
                fragments | addends,
                lambda v, layouts=layouts, kind=kind: quad_product(v, *layouts, kind == "F32"),
                name=f"HMMA.884.{kind}.{'.'.join(layouts)}",
            )
        )
