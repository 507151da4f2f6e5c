"""Sparse ops on SciPy's compiled CSR products and its sparse LU for triangular systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from maf_vdev.modnn.providers import ref_sparse as ref
from maf_vdev.modnn.registry import Plan

# Below this many rows a dense triangular solve beats a sparse one.
DENSE_ROWS = 2048


def _csr(a: ref.Triples) -> Any:
    from scipy import sparse

    return sparse.csr_array((a.values, (a.rows, a.cols)), a.shape)


class Runner(ref.Runner):
    """The reference's routines with SciPy's kernels inside."""

    @staticmethod
    def product(a: ref.Triples, b: np.ndarray) -> np.ndarray:
        return _csr(a) @ b

    @staticmethod
    def solution(a: ref.Triples, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
        if a.shape[0] > DENSE_ROWS:
            return ref.solution(a, b, upper, unit)
        from scipy.linalg import solve_triangular

        matrix = np.zeros(a.shape, np.result_type(a.values, b))
        np.add.at(matrix, (a.rows, a.cols), a.values)
        if not unit and (matrix.diagonal() == 0).any():
            return ref.solution(a, b, upper, unit)  # infinities, as a device gives them
        return solve_triangular(matrix, b, lower=not upper, unit_diagonal=unit, check_finite=False)


def sparse(op: Any) -> Plan | None:
    """Accepts all; ImportError where SciPy is not installed."""
    import scipy.linalg
    import scipy.sparse  # noqa: F401

    return Plan("scipy", Runner(op))
