"""The error function for numpy arrays, in float64."""
import math

import numpy as np

ERF_RUN = 8192  # numbers: the intermediate arrays stay in the second-level cache
# Cody's rational approximations, numerator and denominator, highest power first.
NEAR = ((1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
         3.20937758913846947e3),
        (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3))
MIDDLE = ((2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
           2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
           1.23033935479799725e3),
          (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
           3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3))


def erf(x):
    """The error function to about 1e-15. In runs that stay in the cache, which is several times as fast."""
    flat = np.ascontiguousarray(x).reshape(-1)
    result = np.empty_like(flat)
    for first in range(0, flat.size, ERF_RUN):
        result[first:first + ERF_RUN] = _erf(flat[first:first + ERF_RUN])
    return result.reshape(x.shape)


def _erf(x):
    """W. J. Cody, Math. Comp. 23 (1969), by two of his three ranges; beyond 4 the C library's."""
    y = np.abs(x)
    z = np.minimum(y, 0.46875)
    near = x * _ratio(z * z, *NEAR)
    w = np.clip(y, 0.46875, 4.0)
    tail = 1.0 - np.exp(-w * w) * _ratio(w, *MIDDLE)
    for place in np.flatnonzero(y > 4.0):
        tail[place] = math.erf(y[place])
    return np.where(y <= 0.46875, near, np.copysign(tail, x))


def _ratio(z, over, under):
    def polynomial(coefficients):
        value = np.full_like(z, coefficients[0])
        for coefficient in coefficients[1:]:
            value *= z
            value += coefficient
        return value

    return polynomial(over) / polynomial(under)
