"""Offsets of ``struct maf_warp`` and numbers shared with ``executor/core/cpu_launch.c``."""

from __future__ import annotations

WARP = 32
ALL = 0xFFFFFFFF

# struct maf_warp, byte offsets (cpu_warp.h holds the same list with static assertions).
CONST0 = 0
BANKS = 8
SHARED = 16
LOCAL = 24
FRAME = 32
TID = 40  # three <32 x i32>: x, y, z of the lanes
RUNTIME = 48  # table of runtime functions
CTAID = 56  # three u32
EXEC = 68
TID_BASE = 72  # x, y, z of lane 0
WARP_ID = 84
RESUME = 88  # nonzero: mask of live lanes of a warp that continues from its frame
LANES = 92  # number of lanes the warp started with
ENTRIES = 96  # the blocks at which the fast form takes a warp back: one byte per block
REENTER = 104  # set by the slow form where it hands the warp back: 1 + the block, live lanes in RESUME
SKIP = 108  # entries that the slow form passes before it hands the warp back; negative: never

# Runtime functions, index into the table at RUNTIME.
RT = {
    name: i
    for i, name in enumerate(
        (
            "barrier",
            "reduce_arrive",
            "reduce_result",
            "atomic",
            "call_abs",
            "trap",
            "spin",
            "slow",
            "globaltimer",
            "texture",
        )
    )
}

# Kernel flags, as enum maf_kernel_flag.
FLAG_BARRIER, FLAG_SPIN, FLAG_SHARED, FLAG_ASSERT, FLAG_PRINT, FLAG_CALLS = 1, 2, 4, 8, 16, 32

# Generic windows: high words of 64-bit addresses that no host pointer has.
SHARED_HI = 0x00010000
LOCAL_HI = 0x00020000

# Addresses that bank-4 slots hold for functions that the runtime provides.
ADDRESS_VPRINTF = 0x0003000000000010
ADDRESS_ASSERTFAIL = 0x0003000000000020
ADDRESS_MALLOC = 0x0003000000000030
ADDRESS_FREE = 0x0003000000000040
ADDRESS_ALIGNED_MALLOC = 0x0003000000000050
# The high 16 bits of the address of a function that is not provided; the others are the address of its name.
UNPROVIDED_HI = 4

# Driver-defined words of constant bank 0.
C0_SHARED_WINDOW = 0x18
C0_LOCAL_WINDOW = 0x20
C0_STACK_TOP = 0x28
# Ours, where no compiled code looks: bytes of shared memory of a CTA.
C0_SHARED_BYTES = 0xF0

ATOMIC_OPS = {
    n: i
    for i, n in enumerate(
        ("add", "min", "max", "umin", "umax", "and", "or", "xor", "exch", "cas", "inc", "dec", "fadd", "fadd.f16x2")
    )
}
ATOMIC_SHARED = 0x10000  # added to the code where all addresses are in shared memory
ATOMIC_TYPES = {n: i for i, n in enumerate(("i32", "i64", "f32", "f64", "i16", "i8"))}

# Texture and surface accesses, as cpu_texture.h.
TEX_SAMPLE, TEX_LOAD, TEX_GATHER, TEX_GRADIENT, TEX_QUERY = range(5)
SURFACE_LOAD, SURFACE_STORE, SURFACE_REDUCE = 8, 9, 10
DIM_1D, DIM_2D, DIM_3D, DIM_CUBE, DIM_1D_ARRAY, DIM_2D_ARRAY, _, DIM_CUBE_ARRAY = range(8)
ARG_LAYER, ARG_LOD, ARG_DATA, TEX_ARGS = 3, 4, 5, 9

# Reasons passed to the runtime's trap.
TRAP_BRANCH, TRAP_INSTRUCTION = 1, 2
