"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Cores that this process may use: what its affinity and its container's limit leave of the machine's."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, container_cores(CGROUP_LIMIT) or affinity))


def container_cores(limit: Path) -> int | None:
    """Whole cores in a cgroup's `cpu.max` ("200000 100000" are two), rounded up; None without a limit."""
    try:
        quota, period = limit.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None
