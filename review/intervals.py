"""How sure a share is: the interval in which it lies with 95 % confidence."""

from __future__ import annotations

import math

Z = 1.959964


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's score interval of count / of; all of 0 to 1 where nothing was counted.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if of <= 0:
        return 0.0, 1.0
    share, z2 = count / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
