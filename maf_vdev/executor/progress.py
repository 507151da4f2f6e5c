"""A line on the terminal while first-use compilation makes the application wait."""

from __future__ import annotations

import sys
import threading
import time

PATIENCE = 1.0  # seconds of waiting before anything is shown
_PERIOD = 0.2
_CALM = 2.0  # seconds without compilation after which a new burst begins


class Progress:
    """Shows "compiling kernels" on stderr once the waits of a burst exceed PATIENCE; on a terminal only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current = ""
        self._since = 0.0
        self._waited = 0.0
        self._count = 0
        self._ended = 0.0
        self._thread: threading.Thread | None = None
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def begin(self, name: str) -> None:
        """The application starts to wait for kernel `name`."""
        if not self._terminal:
            return
        now = time.monotonic()
        with self._lock:
            if now - self._ended > _CALM:
                self._waited, self._count = 0.0, 0
            self._current, self._since = name, now
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._show, name="progress", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """It goes on."""
        if not self._terminal:
            return
        with self._lock:
            self._ended = time.monotonic()
            self._waited += self._ended - self._since
            self._current = ""

    def _show(self) -> None:
        shown = False
        while True:
            time.sleep(_PERIOD)
            now = time.monotonic()
            with self._lock:
                waited = self._waited + (now - self._since if self._current else 0.0)
                over = not self._current and now - self._ended > _CALM / 4
                line = f"maf-vdev: compiling kernels at first use: {self._count}, {waited:.0f} s"
                if over:
                    self._thread = None
            if over:
                if shown:
                    sys.stderr.write("\r\x1b[K")
                    sys.stderr.flush()
                return
            if waited > PATIENCE:
                sys.stderr.write(f"\r{line}\x1b[K")
                sys.stderr.flush()
                shown = True
