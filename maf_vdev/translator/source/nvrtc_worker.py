"""The process that a real NVRTC library lives in: `python -I -m ...nvrtc_worker LIBRARY`.

Pickled requests on stdin, pickled replies on stdout: at start (version, architectures) or an error's text,
then Program -> Compiled until stdin ends. The library's own prints go to stderr.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import sys

from maf_vdev.translator.source.program import SUCCESS, Compiled, Program


def _array(texts: list[bytes]) -> ctypes.Array:
    return (ctypes.c_char_p * max(len(texts), 1))(*texts)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


class Library:
    """NVRTC's entry points as they are used here."""

    def __init__(self, path: str) -> None:
        self.nvrtc = ctypes.CDLL(path)

    def version(self) -> tuple[int, int]:
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return major.value, minor.value

    def archs(self) -> tuple[int, ...]:
        count = ctypes.c_int()
        self.nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        self.nvrtc.nvrtcGetSupportedArchs(numbers)
        return tuple(numbers)

    def _part(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        if getattr(self.nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) or not size.value:
            return b""
        data = ctypes.create_string_buffer(size.value)
        return data.raw if getattr(self.nvrtc, f"nvrtcGet{what}")(program, data) == 0 else b""

    def _name(self, program: ctypes.c_void_p, expression: str) -> str:
        name = ctypes.c_char_p()
        status = self.nvrtc.nvrtcGetLoweredName(program, _bytes(expression), ctypes.byref(name))
        return (name.value or b"").decode() if status == 0 else ""

    def compile(self, text: Program) -> Compiled:
        """One compilation from creation to destruction."""
        program = ctypes.c_void_p()
        headers = _array([_bytes(body) for _, body in text.headers])
        includes = _array([_bytes(name) for name, _ in text.headers])
        options = _array([_bytes(option) for option in text.options])
        os.chdir(text.directory if os.access(text.directory, os.X_OK) and os.path.isdir(text.directory) else "/")
        status = self.nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), _bytes(text.source), _bytes(text.name), len(text.headers), headers, includes
        )
        if status:
            return Compiled(status)
        try:
            for expression in text.expressions:
                self.nvrtc.nvrtcAddNameExpression(program, _bytes(expression))
            status = self.nvrtc.nvrtcCompileProgram(program, len(text.options), options)
            log = self._part(program, "ProgramLog").rstrip(b"\0").decode(errors="surrogateescape")
            if status:
                return Compiled(status, log=log)
            names = tuple(self._name(program, expression) for expression in text.expressions)
            return Compiled(SUCCESS, self._part(program, "CUBIN"), self._part(program, "PTX"), log, names)
        finally:
            self.nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def main() -> None:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def reply(value: object) -> None:
        pickle.dump(value, replies)
        replies.flush()

    try:
        library = Library(sys.argv[1])
        reply((library.version(), library.archs()))
    except (OSError, AttributeError) as error:
        reply(str(error))
        return
    while True:
        try:
            program = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply(library.compile(program))


if __name__ == "__main__":
    main()
