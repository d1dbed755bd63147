"""What every bench says of times."""

from __future__ import annotations

import math
from collections.abc import Sequence


def of(times: Sequence[float]) -> dict[str, float]:
    """Count, percentiles by nearest rank, and the worst, of milliseconds."""
    ordered = sorted(times)
    shares = {f"p{share}_ms": round(ordered[math.ceil(share / 100 * len(ordered)) - 1], 1) for share in (50, 95, 99)}
    return {"count": len(ordered)} | shares | {"worst_ms": round(ordered[-1], 1)}
