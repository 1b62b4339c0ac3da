"""Whether this machine is fit for a search, and how to mend what is not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from automix_search.compute.cores import usable_cores

DISTRIBUTION = "automix-search"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
GIB = 2**30
LOW_DISK, NO_DISK = 5 * GIB, GIB // 2
LOW_SHARED_MEMORY = 1 * GIB


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        status: "ok"; "warn" if a search runs but worse than it could; "fail" if it cannot run.
        detail: What was found.
        mend: What to do about it; empty when it is well.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""


def examine(runs: Path) -> Iterator[Finding]:
    """Look at everything that a search needs.

    Args:
        runs: The folder that will hold the runs; it need not exist, and nothing is left in it.
    """
    yield python_version()
    yield from packages()
    yield devices()
    yield threads(os.environ)
    yield disk(runs)
    yield shared_memory(Path("/dev/shm"))
    yield writing(runs)
    yield telemetry(os.environ)


def python_version() -> Finding:
    """Python against what the package asks for."""
    wanted, found = metadata.metadata(DISTRIBUTION)["Requires-Python"], platform.python_version()
    if found in SpecifierSet(wanted, prereleases=True):
        return Finding("python", "ok", f"{found} ({sys.executable})")
    return Finding("python", "fail", f"{found}, but {wanted} is needed", "make a virtual environment with it")


def packages() -> Iterator[Finding]:
    """Every package that this one needs, against the versions it asks for."""
    requirements = map(Requirement, metadata.requires(DISTRIBUTION) or [])
    needed = {requirement.name: requirement for requirement in requirements if _always(requirement)}
    yield from (package(needed[name]) for name in sorted(needed))


def _always(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def package(requirement: Requirement) -> Finding:
    """An installed package against the versions that are asked for."""
    mend = f"pip install '{requirement}'"
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(requirement.name, "fail", "not installed", mend)
    if requirement.specifier.contains(found, prereleases=True):
        return Finding(requirement.name, "ok", found)
    return Finding(requirement.name, "fail", f"{found}, but {requirement.specifier} is needed", mend)


def devices() -> Finding:
    """What torch can train on."""
    try:
        import torch
    except (ImportError, OSError) as error:
        detail = f"torch cannot be imported: {error}"
        return Finding("devices", "fail", detail, "pip install --force-reinstall torch")
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        names = (f"{device.name} with {device.total_memory / GIB:.0f} GiB" for device in found)
        return Finding("devices", "ok", f"CUDA: {', '.join(names)}")
    if NVIDIA_DRIVER.exists():
        mend = "install a CUDA build of torch that fits the driver: https://pytorch.org/get-started/locally"
        detail = f"an NVIDIA driver is here, but torch {torch.__version__} sees no GPU"
        return Finding("devices", "warn", detail, mend)
    if torch.backends.mps.is_available():
        return Finding("devices", "ok", "MPS (Apple) and CPU")
    return Finding("devices", "ok", "CPU only")


def threads(environment: Mapping[str, str]) -> Finding:
    """Cores, and a number of threads that the environment sets for all."""
    cores, wanted = usable_cores(), environment.get("OMP_NUM_THREADS", "")
    if not wanted:
        return Finding("threads", "ok", f"{cores} cores; each worker is given its own number of threads")
    detail = f"{cores} cores; OMP_NUM_THREADS={wanted}"
    if wanted.isdigit() and 0 < int(wanted) <= cores:
        return Finding("threads", "ok", detail)
    return Finding("threads", "warn", detail, f"unset OMP_NUM_THREADS, or set it to 1 to {cores}")


def disk(runs: Path) -> Finding:
    """Free space where runs are written."""
    folder = _existing(runs)
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.1f} GiB free in {folder}"
    mend = "free some space, or choose another folder with --runs-dir"
    if free < NO_DISK:
        return Finding("disk", "fail", detail, mend)
    return Finding("disk", "warn", detail, mend) if free < LOW_DISK else Finding("disk", "ok", detail)


def shared_memory(folder: Path) -> Finding:
    """Room for Ray's object store, by which workers share a data set."""
    if sys.platform != "linux":
        return Finding("shared memory", "ok", "this system has no limit of its own")
    if not folder.is_dir():
        return Finding(
            "shared memory", "warn", f"there is no {folder}, so Ray uses slow files", "mount a tmpfs there"
        )
    size = shutil.disk_usage(folder).total
    detail = f"{size / GIB:.1f} GiB in {folder}"
    if size < LOW_SHARED_MEMORY:
        mend = "in a container: docker run --shm-size=2g, or a medium: Memory volume on /dev/shm"
        return Finding("shared memory", "warn", detail, mend)
    return Finding("shared memory", "ok", detail)


def writing(runs: Path) -> Finding:
    """Whether files in the runs folder can be written, renamed and locked, as those of a run are."""
    folder = _existing(runs)
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as name:
            _write_rename_lock(Path(name))
    except OSError as error:
        mend = "choose another folder with --runs-dir, on a local disk or NFS 4"
        return Finding("writing", "fail", f"in {folder}: {error.strerror or error}", mend)
    return Finding("writing", "ok", f"write, rename and lock work in {folder}")


def _write_rename_lock(folder: Path) -> None:
    with open(folder / "new", "w") as file:
        file.write("written")
        file.flush()
        os.fsync(file.fileno())
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.replace(folder / "new", folder / "renamed")
    if (folder / "renamed").read_text() != "written":
        raise OSError("a file that was written and renamed does not read back")
    if os.name == "posix":
        os.symlink(folder / "renamed", folder / "lock")  # Optuna's journal locks by a link


def telemetry(environment: Mapping[str, str]) -> Finding:
    """Whether the environment switches Ray's usage statistics on, which a search otherwise switches off."""
    setting = environment.get("RAY_USAGE_STATS_ENABLED", "0")
    if setting != "0":
        mend = "export RAY_USAGE_STATS_ENABLED=0"
        return Finding("telemetry", "warn", f"RAY_USAGE_STATS_ENABLED={setting} is set", mend)
    return Finding("telemetry", "ok", "off for every Ray that a search starts")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.expanduser().absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())
