"""Shared libraries that a user may have installed."""

from __future__ import annotations

import ctypes
import os


def find(names: tuple[str, ...], override: str) -> ctypes.CDLL | None:
    """The first of these libraries that is installed, or the one that the variable `override` names."""
    chosen = os.environ.get(override)
    for name in (chosen,) if chosen else names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
