"""Shapes of registers between the blocks of a fast form, and how they join."""

from __future__ import annotations

from .values import V

Key = tuple[str, int]  # (bank of registers, number)
# ('c', bits), ('u', align), ('a', stride, align), ('v',)
Kind = tuple


def join(a: Kind | None, b: Kind) -> Kind:
    """The shape of what may come in either; a None: nothing came yet."""
    if a is None or a == b:
        return b
    if a[0] in "cu" and b[0] in "cu":
        return ("u", min(align(a), align(b)))
    if a[0] == "a" and b[0] == "a" and a[1] == b[1]:
        return ("a", a[1], min(a[2], b[2]))
    return ("v",)


def join_into(have: dict[Key, Kind], new: dict[Key, Kind]) -> bool:
    """Joins new into have. Whether that changed anything."""
    changed = False
    for key, value in new.items():
        old = have.get(key)
        if old != value:
            j = join(old, value)
            if j != old:
                have[key] = j
                changed = True
    return changed


def align(k: Kind) -> int:
    return min(k[1] & -k[1] or 128, 128) if k[0] == "c" else k[-1]


def kind_of(v: V) -> Kind:
    """The shape of a value."""
    if v.kind == "c":
        return ("c", v.c)
    if v.kind == "u":
        return ("u", min(v.align, 128))
    if v.base is not None and v.ok is None and v.kind in "ak":
        return ("a", v.stride, min(v.align, 128))
    if v.op == "hi32" and v.x is not None:
        return ("u", 1)  # guarded: see FastEmitter._finish
    return ("v",)
