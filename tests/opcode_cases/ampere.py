"""Instructions that sm_80 adds: bfloat16 pairs, larger matrix products, reductions of a warp, asynchronous copies."""

from __future__ import annotations

import numpy as np

from .harness import THREADS, Case
from .matrices import G, WARPS, T, accumulators, bits_of, halves, integer_rows, results

CASES: list[Case] = []


# --- bfloat16 --------------------------------------------------------------------------------


def brain(words, which):
    """Half ``which`` of each word as float32."""
    bits = words << np.uint32(16) if which == 0 else words & np.uint32(0xFFFF0000)
    return bits.astype(np.uint32).view(np.float32)


def to_brain(values):
    """Nearest bfloat16 of exact values (float64 or longdouble): ties to even, NaN 0x7fff."""
    with np.errstate(all="ignore"):
        near = values.astype(np.float32)
        # Round to odd on the way, so that the second rounding sees what was lost.
        back = near.astype(values.dtype)
        bits = near.view(np.uint32).copy()
        lost = (back != values) & np.isfinite(near) & np.isfinite(values)
        bits = np.where(lost & (np.abs(back) > np.abs(values)), bits - 1, bits)
        bits = np.where(lost, bits | 1, bits).astype(np.uint64)
    rounded = (bits + 0x7FFF + (bits >> np.uint64(16) & np.uint64(1))) >> np.uint64(16)
    return np.where(np.isnan(near), 0x7FFF, rounded).astype(np.uint32)


def pack(low, high):
    return (low | high << np.uint32(16)).astype(np.uint32)


def brain_fma(x, y, z):
    with np.errstate(all="ignore"):
        wide = [v.astype(np.longdouble) for v in (x, y, z)]
        return to_brain(wide[0] * wide[1] + wide[2])


CASES += [
    Case(
        "HFMA2.BF16_V2 R4, R8, R9, R10",
        {"R8": "bf16x2", "R9": "bf16x2", "R10": "bf16x2"},
        lambda v: {"R4": pack(*(brain_fma(*(brain(r, n) for r in (v.R8, v.R9, v.R10))) for n in (0, 1)))},
    ),
    Case(
        "HFMA2.BF16_V2 R4, -R8.H0_H0, |R9|.H1_H1, -1.5, 3",
        {"R8": "bf16x2", "R9": "bf16x2"},
        lambda v: {
            "R4": pack(
                *(
                    brain_fma(-brain(v.R8, 0), np.abs(brain(v.R9, 1)), np.full(THREADS, c, np.float32))
                    for c in (3, -1.5)
                )
            )
        },
    ),
    Case(
        "F2F.BF16.F32 R4, R8",
        {"R8": "f32"},
        lambda v: {"R4": to_brain(v.R8.astype(np.float64))},
    ),
    Case(
        "F2FP.BF16.PACK_AB R4, R8, R9",
        {"R8": "f32", "R9": "f32"},
        lambda v: {"R4": pack(to_brain(v.R9.astype(np.float64)), to_brain(v.R8.astype(np.float64)))},
    ),
    Case(
        "F2FP.BF16.PACK_AB.RZ R4, RZ, R8",
        {"R8": "f32"},
        lambda v: {"R4": np.where(np.isnan(v.R8), 0x7FFF, v.R8.view(np.uint32) >> np.uint32(16)).astype(np.uint32)},
    ),
]


def half_pair(v):
    with np.errstate(all="ignore"):
        pair = np.stack([v.R9.astype(np.float16), v.R8.astype(np.float16)], axis=-1)
    return {"R4": np.ascontiguousarray(pair).view(np.uint32).reshape(-1)}


CASES.append(Case("F2FP.PACK_AB R4, R8, R9", {"R8": "moderate", "R9": "moderate"}, half_pair))


# --- minimum and maximum ---------------------------------------------------------------------


def propagating(function):
    """fmin or fmax in which a NaN wins."""
    return lambda x, y: np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), function(x, y)).astype(x.dtype)


def _ordered(x, y, maximum):
    """As IEEE 754 minimumNumber: -0 is below +0."""
    bigger = np.where(x == y, np.signbit(y) & ~np.signbit(x), x > y)
    return np.where(bigger == maximum, x, y)


for maximum in (False, True):
    CASES.append(
        Case(
            f"FMNMX.NAN R4, R8, R9, {'!' if maximum else ''}PT",
            {"R8": "f32", "R9": "f32"},
            lambda v, m=maximum: {"R4": propagating(lambda x, y: _ordered(x, y, m))(v.R8, v.R9)},
        )
    )

    def brain_extreme(v, nan, m=maximum):
        out = []
        for n in (0, 1):
            x, y = brain(v.R8, n), brain(v.R9, n)
            value = _ordered(x, y, m)
            value = np.where(np.isnan(x), y, np.where(np.isnan(y), x, value))
            value = np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), value) if nan else value
            out.append(to_brain(value.astype(np.float64)))
        return {"R4": pack(*out)}

    for nan in (False, True):
        CASES.append(
            Case(
                f"HMNMX2.BF16_V2{'.NAN' if nan else ''} R4, R8, R9, {'!' if maximum else ''}PT",
                {"R8": "bf16x2", "R9": "bf16x2"},
                lambda v, nan=nan, f=brain_extreme: f(v, nan),
            )
        )


# --- reductions of a warp --------------------------------------------------------------------


def reduced(how, signed=False):
    def expect(v):
        words = v.R8.reshape(WARPS, 32)
        words = words.view(np.int32) if signed else words
        value = how(words.astype(np.int64), axis=1) & 0xFFFFFFFF
        # The uniform register is the warp's: every lane stores it.
        return {"UR4": np.repeat(value.astype(np.uint32), 32)}

    return expect


def _fold(function):
    return lambda words, axis: function.reduce(words, axis=axis)


for text, how, signed in (
    ("REDUX", _fold(np.bitwise_and), False),
    ("REDUX.OR", _fold(np.bitwise_or), False),
    ("REDUX.XOR", _fold(np.bitwise_xor), False),
    ("REDUX.SUM", _fold(np.add), False),
    ("REDUX.SUM.S32", _fold(np.add), False),
    ("REDUX.MIN", _fold(np.minimum), False),
    ("REDUX.MAX", _fold(np.maximum), False),
    ("REDUX.MIN.S32", _fold(np.minimum), True),
    ("REDUX.MAX.S32", _fold(np.maximum), True),
):
    CASES.append(Case(f"{text} UR4, R8", {"R8": "i32"}, reduced(how, signed)))


def reduced_where(v):
    """Lanes whose guard fails do not count; a warp without any keeps its register."""
    words, lanes = v.R8.reshape(WARPS, 32), v.P0.reshape(WARPS, 32)
    values = np.where(lanes, words, 0).max(axis=1)
    return {"UR4": np.repeat(values.astype(np.uint32), 32)}


CASES.append(Case("@P0 REDUX.MAX UR4, R8", {"R8": "i32", "P0": "pred"}, reduced_where))


# --- copies and shared memory ----------------------------------------------------------------


def copied(count: int, predicate: bool, cut: bool = False):
    def expect(v):
        shared = v.shared.copy()
        size = 4 * count
        to, source = shared.reshape(-1, size), v.scratch.reshape(-1, size)
        for t in range(THREADS):
            length = size - (int(v.R9[t]) % size if cut else 0)
            to[v.R8_index[t]] = 0
            if not predicate or v.P0[t]:
                to[v.R8_index[t], :length] = source[v.R10_index[t], :length]
        return {"shared": shared}

    return expect


for count in (1, 2, 4):
    size = {1: "", 2: ".64", 4: ".128"}[count]
    pointers = {"R8": f"sptr{4 * count}", "R10": f"ptr{4 * count}"}
    CASES += [
        Case(
            f"LDGSTS.E.BYPASS.LTC128B{size} [R8], [R10.64], P0",
            pointers | {"P0": "pred"},
            copied(count, True),
            name=f"LDGSTS{size} predicated",
        ),
        Case(
            f"LOP3.LUT R10, R10, {4 * count - 1:#x}, R9, 0xf8, !PT ; LDGSTS.E{size}.ZFILL [R8], [R10.64], P0",
            pointers | {"R9": "i32", "P0": "pred"},
            copied(count, True, True),
            name=f"LDGSTS{size}.ZFILL",
        ),
        Case(f"LDGSTS.E{size} [R8], [R10.64] ; LDGDEPBAR ; DEPBAR.LE SB0, 0x0", pointers, copied(count, False)),
    ]


def counted(v):
    shared = v.shared.copy()
    np.add.at(shared.view(np.uint32), v.R8_index, 1)
    return {"shared": shared}


CASES.append(Case("ATOMS.POPC.INC.32 RZ, [R8]", {"R8": "hotsptr4"}, counted))


# --- matrix products -------------------------------------------------------------------------


def accumulator16(v):
    c = np.zeros((WARPS, 16, 8))
    for n, register in enumerate((v.R16, v.R17, v.R18, v.R19)):
        c[:, G + 8 * (n // 2), 2 * T + n % 2] = register.reshape(WARPS, 32)
    return c


def single(d):
    return {f"R{4 + n}": d[:, G + 8 * (n // 2), 2 * T + n % 2].astype(np.float32).reshape(-1) for n in range(4)}


def pairs(words, kind):
    """(warps, 32, 2) numbers."""
    if kind == "F16":
        return halves(words)
    return np.stack([brain(words, n).reshape(WARPS, 32) for n in (0, 1)], axis=-1).astype(np.float64)


def half_product(v, kind):
    a, b = np.zeros((WARPS, 16, 16)), np.zeros((WARPS, 16, 8))
    for n, register in enumerate((v.R8, v.R9, v.R10, v.R11)):
        for j in (0, 1):
            a[:, G + 8 * (n % 2), 8 * (n // 2) + 2 * T + j] = pairs(register, kind)[:, :, j]
    for n, register in enumerate((v.R12, v.R13)):
        for j in (0, 1):
            b[:, 8 * n + 2 * T + j, G] = pairs(register, kind)[:, :, j]
    return single(a @ b + accumulator16(v))


C = {f"R{16 + n}": "whole32" for n in range(4)}
for kind, numbers in (("F16", "small16"), ("BF16", "smallb16")):
    suffix = "" if kind == "F16" else ".BF16"
    CASES.append(
        Case(
            f"HMMA.16816.F32{suffix} R4, R8, R12, R16",
            {f"R{8 + n}": numbers for n in range(6)} | C,
            lambda v, k=kind: half_product(v, k),
        )
    )


def tf32_product(v, steps):
    a, b = np.zeros((WARPS, 16, 4 * steps)), np.zeros((WARPS, 4 * steps, 8))
    for step in range(steps):
        for upper in (0, 1):
            a[:, G + 8 * upper, 4 * step + T] = getattr(v, f"R{8 + 2 * step + upper}").reshape(WARPS, 32)
        b[:, 4 * step + T, G] = getattr(v, f"R{12 + step}").reshape(WARPS, 32)
    return single(a @ b + accumulator16(v))


for shape, steps in (("1684", 1), ("1688", 2)):
    inputs = {f"R{8 + n}": "whole32" for n in range(2 * steps)} | {f"R{12 + n}": "whole32" for n in range(steps)}
    CASES.append(Case(f"HMMA.{shape}.F32.TF32 R4, R8, R12, R16", inputs | C, lambda v, s=steps: tf32_product(v, s)))


def double_product(v):
    a, b, c = np.zeros((WARPS, 8, 4)), np.zeros((WARPS, 4, 8)), np.zeros((WARPS, 8, 8))
    a[:, G, T] = v.R12.reshape(WARPS, 32)
    b[:, T, G] = -v.R14.reshape(WARPS, 32)
    for j, register in enumerate((v.R16, v.R18)):
        c[:, G, 2 * T + j] = register.reshape(WARPS, 32)
    d = a @ b + c
    return {f"R{4 + 2 * j}": d[:, G, 2 * T + j].reshape(-1) for j in (0, 1)}


CASES.append(Case("DMMA.884 R4, R12, -R14, R16", {f"R{n}": "whole64" for n in (12, 14, 16, 18)}, double_product))


def integers16(v, left, right, steps, product=None):
    """16 x 8 results from row groups g and g + 8."""
    out = {}
    for upper in (0, 1):
        total = 0
        for step in range(steps):
            rows = integer_rows(getattr(v, f"R{8 + 2 * step + upper}"), left)
            columns = integer_rows(getattr(v, f"R{12 + step}"), right)
            total = total + (product(rows, columns) if product else rows @ columns.transpose(0, 2, 1))
        for n in (0, 1):
            c = getattr(v, f"R{16 + 2 * upper + n}").reshape(WARPS, 32).view(np.int32)
            d = total[:, G, 2 * T + n] + c.astype(np.int64)
            out[f"R{4 + 2 * upper + n}"] = (d & 0xFFFFFFFF).astype(np.uint32).reshape(-1)
    return out


WORDS = {f"R{n}": "i32" for n in (*range(8, 14), *range(16, 20))}
for shape, kinds, steps in (
    ("16816", ("S8", "U8"), 1),
    ("16832", ("S8", "U8"), 2),
    ("16832", ("U4", "S4"), 1),
    ("16864", ("S4", "U4"), 2),
):
    CASES.append(
        Case(
            f"IMMA.{shape}.{kinds[0]}.{kinds[1]} R4, R8.ROW, R12.COL, R16",
            WORDS,
            lambda v, k=kinds, s=steps: integers16(v, *k, s),
        )
    )


def ones_of(combine):
    return lambda rows, columns: combine(rows[:, :, None, :], columns[:, None, :, :]).sum(-1)


for shape, steps in (("168128", 1), ("168256", 2)):
    for name, combine in (("XOR", np.bitwise_xor), ("AND", np.bitwise_and)):
        CASES.append(
            Case(
                f"BMMA.{shape}.{name}.POPC R4, R8.ROW, R12.COL, R16",
                WORDS,
                lambda v, c=combine, s=steps: integers16(v, "U1", "U1", s, ones_of(c)),
            )
        )
CASES.append(
    Case(
        "BMMA.88128.AND.POPC R4, R8.ROW, R10.COL, R12",
        {"R8": "i32", "R10": "i32", "R12": "i32", "R13": "i32"},
        lambda v: results(ones_of(np.bitwise_and)(bits_of(v.R8), bits_of(v.R10)) + accumulators(v), False),
    )
)


# --- sparse matrix products ------------------------------------------------------------------


def numbers(words, kind):
    """(warps, 32, elements of a word)."""
    if kind == "TF32":
        return words.view(np.float32).reshape(WARPS, 32, 1).astype(np.float64)
    if kind[1:] == "8":
        return words.view(np.int8 if kind == "S8" else np.uint8).reshape(WARPS, 32, 4).astype(np.int64)
    return pairs(words, kind)


def sparse_product(v, k, kinds, selector):
    """A, spread out by its metadata, times B, for each warp."""
    left = [numbers(getattr(v, f"R{8 + n}"), kinds[0]) for n in range(4)]
    right = [numbers(getattr(v, f"R{12 + n}"), kinds[1]) for n in range(4)]
    meta = v.R24.reshape(WARPS, 32)
    per = left[0].shape[2]
    a, b = np.zeros((WARPS, 16, k), left[0].dtype), np.zeros((WARPS, k, 8), left[0].dtype)
    for column in range(8):
        for row in range(k):
            word, within = divmod(row, 4 * per)
            b[:, row, column] = right[word][:, 4 * column + within // per, within % per]
    group = 2 if kinds[0] == "TF32" else 4
    for row in range(16):
        g, upper = row % 8, row // 8
        for n in range(k // 2):
            word, within = divmod(n, 4 * per)
            value = left[2 * word + upper][:, 4 * g + within // per, within % per]
            place, part = (n, 0) if group == 2 else divmod(n, 2)
            if per == 4:  # a row's 32 columns fill one lane
                lane, shift = selector * 2 + 2 * (place // 8) + upper, 4 * (place % 8)
            else:  # rows g and g + 8 share a lane
                lanes = 2 if k // group == 8 else 1
                lane, shift = selector * lanes + place // 4, 16 * upper + 4 * (place % 4)
            code = meta[:, 4 * g + lane] >> np.uint32(shift) & np.uint32(15)
            at = (code >> np.uint32(1 if group == 2 else 2 * part)) & np.uint32(group - 1)
            a[np.arange(WARPS), row, group * place + at] = value
    return a @ b


def sparse_single(v, k, kind, selector):
    return single(sparse_product(v, k, (kind, kind), selector) + accumulator16(v))


def sparse_integers(v, k, kinds, selector):
    d, out = sparse_product(v, k, kinds, selector), {}
    for n in range(4):
        c = getattr(v, f"R{16 + n}").reshape(WARPS, 32).view(np.int32).astype(np.int64)
        total = d[:, G + 8 * (n // 2), 2 * T + n % 2] + c
        out[f"R{4 + n}"] = (total & 0xFFFFFFFF).astype(np.uint32).reshape(-1)
    return out


for shape, k, kind, values, selector in (
    ("16816", 16, "F16", "small16", 3),
    ("16832", 32, "F16", "small16", 1),
    ("16832", 32, "BF16", "smallb16", 0),
    ("1688", 8, "TF32", "whole32", 2),
    ("16816", 16, "TF32", "whole32", 1),
):
    suffix = "" if kind == "F16" else f".{kind}"
    CASES.append(
        Case(
            f"HMMA.SP.{shape}.F32{suffix} R4, R8, R12, R16, R24, {selector:#x}",
            {f"R{n}": values for n in range(8, 16)} | C | {"R24": "places2" if kind == "TF32" else "places4"},
            lambda v, k=k, kind=kind, s=selector: sparse_single(v, k, kind, s),
        )
    )
for shape, k, kinds, selector in (("16832", 32, ("S8", "U8"), 1), ("16864", 64, ("U8", "S8"), 0)):
    CASES.append(
        Case(
            f"IMMA.SP.{shape}.{kinds[0]}.{kinds[1]} R4, R8.ROW, R12.COL, R16, R24, {selector:#x}",
            {f"R{n}": "i32" for n in range(8, 20)} | {"R24": "places4"},
            lambda v, k=k, kinds=kinds, s=selector: sparse_integers(v, k, kinds, s),
        )
    )
