"""Vector mathematics of the kernels: the language function of each operation of the graph.

The same instructions serve every lane, so a result does not depend on its neighbours; and no
function lets products and sums fuse by themselves, so it does not depend on where it was inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catena.numerics.ode.kernel.mathlib_circular import acos, asin, atan, atan2, cos, sin, tan
from catena.numerics.ode.kernel.mathlib_error import erf, erfc, rem
from catena.numerics.ode.kernel.mathlib_exponential import cbrt, exp, expm1, log, log1p, pow
from catena.numerics.ode.kernel.mathlib_gamma import digamma, lgamma
from catena.numerics.ode.kernel.mathlib_hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh

#: Language function (V -> V or V, V -> V) by operation of the scalar graph.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        acos, acosh, asin, asinh, atan, atan2, atanh, cbrt, cos, cosh, digamma, erf, erfc, exp,
        expm1, lgamma, log, log1p, pow, rem, sin, sinh, tan, tanh,
    )
}  # fmt: skip

__all__ = [
    "FUNCTIONS", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh",
    "digamma", "erf", "erfc", "exp", "expm1", "lgamma", "log", "log1p", "pow", "rem", "sin", "sinh",
    "tan", "tanh",
]  # fmt: skip
