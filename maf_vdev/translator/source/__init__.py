"""CUDA C++ source text (NVRTC) to machine code of this computer, without SASS in between.

build.py compiles with the C++ compiler at hand, with prelude.h as the device runtime; image.py loads the result
as a module whose kernels have the launcher's warp ABI.
"""
