# mypy: disable-error-code="call-overload"
# The stubs of numba lack the wrapper options of njit.
"""How a function is compiled that is only called from compiled code: it becomes part of its caller.

Two habits of this folder have reasons: copies are loops, as assigning a slice compiles a whole error message; and inner
loops count with unsigned integers, as the sign of an index would be tested for wrap-around and block the vector unit.
"""

from __future__ import annotations

from numba import njit

INNER = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
INNER_EXACT = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath={"contract"})
# sums may be reordered too; NaN keeps its meaning
INNER_SUM = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath={"contract", "reassoc", "nsz"})
