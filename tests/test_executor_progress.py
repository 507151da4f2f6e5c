"""The line on the terminal during first-use compilation."""

from __future__ import annotations

import io
import time

import pytest

from maf_vdev.executor import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(monkeypatch, stream: io.StringIO, waits: list[float]) -> str:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "_PERIOD", 0.01)
    monkeypatch.setattr(progress, "_CALM", 0.2)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    shown = progress.Progress()
    for wait in waits:
        shown.begin("kernel")
        time.sleep(wait)
        shown.end()
    time.sleep(0.3)
    return stream.getvalue()


@pytest.mark.parametrize("waits", [[0.2], [0.04] * 5])
def test_long_waits_are_shown_and_wiped(monkeypatch, waits):
    """One long wait, and many short ones that add up."""
    text = run(monkeypatch, Terminal(), waits)
    assert f"compiling kernels at first use: {len(waits)}" in text
    assert text.endswith("\r\x1b[K")


def test_a_short_wait_is_not_shown(monkeypatch):
    assert run(monkeypatch, Terminal(), [0.01]) == ""


def test_nothing_is_shown_on_a_pipe(monkeypatch):
    assert run(monkeypatch, io.StringIO(), [0.2]) == ""
