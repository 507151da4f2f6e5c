"""Kernel names as people read them."""

from __future__ import annotations


def readable(name: str) -> str:
    """The demangled form of a C++ symbol; the name itself where it is none or no demangler is installed."""
    try:
        import cxxfilt

        return cxxfilt.demangle(name)
    except Exception:  # noqa: BLE001 - no C++ runtime library, or a name that is not mangled: both harmless
        return name
