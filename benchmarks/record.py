"""What every benchmark says of the machine it ran on, and where its table goes."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from automix_search.compute.cores import usable_cores

RESULTS = Path(__file__).parent / "results"
LOAD_BEFORE = os.getloadavg()[0]
LIBRARIES = ("torch", "timm", "ray", "optuna", "numpy")


def processor() -> str:
    """The processor's name, where Linux tells it."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def about() -> str:
    """Machine, versions, date and load, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{processor()}, {usable_cores()} cores; Python {platform.python_version()}, {libraries}; "
        f"{time.strftime('%Y-%m-%d')}, 1-minute load before it {LOAD_BEFORE:.1f}"
    )


def publish(name: str, title: str, machine: str, body: str, *, write: bool) -> None:
    """Print a result as markdown; with `write`, keep it as `results/NAME.md` too."""
    text = f"# {title}\n\n{machine}\n\n{body}\n"
    print(text)
    if write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
