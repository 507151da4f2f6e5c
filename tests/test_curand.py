"""cuRAND's host interface: numbers of the real library's host generators, and what defines the rest."""

from __future__ import annotations

import math
from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

ffi = cffi.FFI()
ffi.cdef(d.declarations("curand/curand.h"))
XORWOW, MRG, MTGP32, PHILOX, SOBOL = 101, 121, 141, 161, 201
NOT_INITIALIZED, TYPE_ERROR, OUT_OF_RANGE, LENGTH_NOT_MULTIPLE, INTERNAL_ERROR = 101, 103, 104, 105, 999
KINDS = {"bits": "u4", "uniform": "f4", "uniform double": "f8", "normal": "f4", "normal double": "f8",
         "log normal": "f4", "log normal double": "f8", "poisson": "u4"}  # fmt: skip
CTYPES = {"u4": "unsigned int *", "f4": "float *", "f8": "double *"}

# Elements 0, 1, 4095, 4097, 81920, 199999 of 200000 with seed 987654321012345, as libcurand 10.3.9 gives them on a host.
PLACES = (0, 1, 4095, 4097, 81920, 199999)
SEED = 987654321012345
KNOWN = {
    (XORWOW, "bits"): (729625014, 4061609714, 3219101799, 2888069975, 2045248257, 1317296881),
    (XORWOW, "uniform"): (0.16987906, 0.9456672, 0.7495055, 0.6724312, 0.47619647, 0.30670708),
    (XORWOW, "uniform double"): (0.13588394245885277, 0.6724312770474781, 0.5153368264407279, 0.556100802371684, 0.6161598147260812, 0.5241121153168145),
    (XORWOW, "normal"): (1.4192834, 1.2373245, 0.5066468, 0.18686983, 1.2030319, -1.9115973),
    (XORWOW, "normal double"): (1.8757846920770727, -0.6879971167475337, -1.1447927504042836, -0.24819467776597723, 0.5513787394342996, 0.05017946044629226),
    (MRG, "bits"): (996662165, 860208440, 1966531104, 16613258, 3767180467, 3670065622),
    (MRG, "uniform"): (0.23205349, 0.20028289, 0.4578687, 0.0038680758, 0.8771151, 0.85450375),
    (MRG, "uniform double"): (0.23205349349863366, 0.20028288496172125, 0.4578687028713895, 0.003868075741554571, 0.8771150529657132, 0.854503741159868),
    (MRG, "normal"): (-1.1924622, 1.224585, 0.5377817, -0.54926836, 0.15603213, 0.7805182),
    (MRG, "normal double"): (-1.1924622992282758, 1.2245849835178584, 0.537781711492259, -0.5492684132059299, 0.15603212831487456, 0.7805181304701141),
    (PHILOX, "bits"): (3445913044, 774742771, 1520816067, 437675185, 2167529956, 4265077538),
    (PHILOX, "uniform"): (0.80231416, 0.18038386, 0.3540926, 0.1019042, 0.5046674, 0.99304074),
    (PHILOX, "uniform double"): (0.18038395609226626, 0.9876180746130774, 0.8346911535283839, 0.26065280337766944, 0.7519594197065627, 0.5107384013852152),
    (PHILOX, "normal"): (0.601222, 0.28114438, -1.3865461, 1.4647872, -1.1694032, 0.5961818),
    (PHILOX, "normal double"): (-0.14384057378522472, 1.8451680439256173, 1.0186704940497935, -0.14294074932098536, -0.2907006763968787, -1.987142546999156),
}  # fmt: skip
# Seed 5, offset 123457, the next six words.
AFTER_OFFSET = {
    XORWOW: (3569570718, 1590508142, 3303124393, 988705202, 3879709310, 2188219071),
    MRG: (3360759473, 498727130, 1177775355, 1053360220, 2572249131, 2534463043),
    PHILOX: (82528314, 1690957086, 2923886274, 506538783, 1429050750, 1216650800),
}


@pytest.fixture(scope="module")
def lib() -> Any:
    return ffi.dlopen(str(d.LIB / "libmaf_curand10.so"))


class Generator:
    def __init__(self, lib: Any, kind: int, on_host: bool = False, seed: int | None = None, offset: int = 0) -> None:
        self.lib, self.on_host = lib, on_host
        out = ffi.new("curandGenerator_t *")
        d.check((lib.curandCreateGeneratorHost if on_host else lib.curandCreateGenerator)(out, kind))
        self.handle = ffi.gc(out[0], lib.curandDestroyGenerator)
        if seed is not None:
            d.check(lib.curandSetPseudoRandomGeneratorSeed(self.handle, seed))
        if offset:
            d.check(lib.curandSetGeneratorOffset(self.handle, offset))

    def __call__(self, what: str, count: int, *parameters: float) -> np.ndarray:
        values = np.full(count, 7, KINDS[what])
        array = None if self.on_host else d.Array(values)
        address = values.ctypes.data if array is None else int(d.ffi.cast("uintptr_t", array.pointer))
        name = "".join(part.capitalize() for part in what.split()).replace("Bits", "")
        if "normal" in what and not parameters:
            parameters = (0, 1)
        d.check(getattr(self.lib, f"curandGenerate{name}")(self.handle, ffi.cast(CTYPES[KINDS[what]], address), count, *parameters))  # fmt: skip
        return values if array is None else array.get()


@pytest.mark.parametrize("kind, what", KNOWN)
def test_sequences_of_the_real_library(lib: Any, kind: int, what: str) -> None:
    got, want = Generator(lib, kind, seed=SEED)(what, 200000)[list(PLACES)], KNOWN[kind, what]
    bound = {"bits": 0, "uniform": 1e-7, "uniform double": 1e-16, "normal": 2e-6, "normal double": 1e-13}[what]
    np.testing.assert_allclose(got, np.array(want, got.dtype), rtol=0, atol=bound)


@pytest.mark.parametrize("kind", AFTER_OFFSET)
def test_offset(lib: Any, kind: int) -> None:
    assert tuple(Generator(lib, kind, seed=5, offset=123457)("bits", 6)) == AFTER_OFFSET[kind]


@pytest.mark.parametrize("kind", [XORWOW, MRG, PHILOX])
@pytest.mark.parametrize("what", [what for what in KINDS if what != "poisson"])
def test_parts_are_the_whole(lib: Any, kind: int, what: str) -> None:
    """However a sequence is asked for; sizes around the number of lanes, and parts of Philox's blocks of four."""
    sizes = [2, 6, 4094, 8194, 90002, 70000, 130]
    whole, parts = Generator(lib, kind, seed=3), Generator(lib, kind, seed=3)
    want = whole(what, sum(sizes))
    got = np.concatenate([parts(what, size) for size in sizes])
    assert (got == want).all()


def test_kinds_may_be_mixed(lib: Any) -> None:
    """A lane goes on from where its last number of any kind left it: 500 lanes have given a pair, the others nothing."""
    generator = Generator(lib, XORWOW, seed=77)
    generator("normal", 1000)
    words = Generator(lib, XORWOW, seed=77)("bits", 3 * 4096).reshape(3, 4096)
    got = generator("bits", 4096)
    assert (got == np.concatenate([words[0, 500:], words[2, :500]])).all()


@pytest.mark.parametrize("kind", [XORWOW, MRG, PHILOX])
def test_host_generators_give_the_same(lib: Any, kind: int) -> None:
    for what in ("bits", "normal double"):
        assert (Generator(lib, kind, True, 9)(what, 5000) == Generator(lib, kind, False, 9)(what, 5000)).all()


def test_parameters(lib: Any) -> None:
    plain, moved = Generator(lib, PHILOX, seed=1), Generator(lib, PHILOX, seed=1)
    np.testing.assert_allclose(moved("normal double", 100, 3, 2), 3 + 2 * plain("normal double", 100), rtol=1e-14)
    plain, logs = Generator(lib, XORWOW, seed=1), Generator(lib, XORWOW, seed=1)
    np.testing.assert_allclose(logs("log normal double", 100), np.exp(plain("normal double", 100)), rtol=1e-13)


@pytest.mark.parametrize("rate", [0.25, 5.0, 3000.0])
@pytest.mark.parametrize("kind", [XORWOW, MRG, PHILOX])
def test_poisson(lib: Any, kind: int, rate: float) -> None:
    """Mean and variance within five standard errors; for small rates every frequency too."""
    n = 100_000
    x = Generator(lib, kind, seed=11)("poisson", n, rate).astype(float)
    assert abs(x.mean() - rate) < 5 * math.sqrt(rate / n)
    assert abs(x.var() - rate) < 5 * math.sqrt((2 * rate * rate + rate) / n)
    for k in range(8 if rate < 10 else 0):
        p = math.exp(-rate) * rate**k / math.factorial(k)
        assert abs((x == k).mean() - p) < 5 * math.sqrt(p * (1 - p) / n)


def test_wrong_arguments(lib: Any) -> None:
    out = ffi.new("curandGenerator_t *")
    assert lib.curandCreateGenerator(ffi.NULL, XORWOW) == OUT_OF_RANGE
    assert lib.curandCreateGenerator(out, 7) == TYPE_ERROR
    assert lib.curandCreateGenerator(out, MTGP32) == INTERNAL_ERROR
    assert lib.curandCreateGenerator(out, SOBOL) == INTERNAL_ERROR
    assert lib.curandGenerate(ffi.NULL, ffi.NULL, 1) == NOT_INITIALIZED
    g = Generator(lib, XORWOW).handle
    assert lib.curandGenerate(g, ffi.NULL, 1) == OUT_OF_RANGE
    array = ffi.cast("float *", int(d.ffi.cast("uintptr_t", d.Array(np.zeros(8, "f4")).pointer)))
    assert lib.curandGenerateNormal(g, array, 7, 0, 1) == LENGTH_NOT_MULTIPLE
    assert lib.curandGeneratePoisson(g, ffi.cast("unsigned int *", array), 4, 0) == OUT_OF_RANGE
    assert lib.curandGeneratePoisson(g, ffi.cast("unsigned int *", array), 4, 400001) == OUT_OF_RANGE
    assert lib.curandGenerateLongLong(g, ffi.NULL, 1) == TYPE_ERROR
    assert lib.curandSetGeneratorOrdering(g, 104) == OUT_OF_RANGE
    assert lib.curandSetQuasiRandomGeneratorDimensions(g, 2) == TYPE_ERROR
    d.check(lib.curandGenerate(g, ffi.NULL, 0))
