"""What the doctor sees, and what it prescribes."""

from __future__ import annotations

import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from automix_search.compute import doctor
from automix_search.compute.cores import container_cores, usable_cores

Usage = namedtuple("Usage", "total used free")
Card = namedtuple("Card", "name total_memory")


def with_space(monkeypatch, total, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, total - free, free))


def test_an_installation_that_fits_is_well():
    assert doctor.package(Requirement("pydantic>=2")).status == "ok"


@pytest.mark.parametrize(
    ("requirement", "detail"),
    [("pydantic>=99", "but >=99 is needed"), ("no-such-package-anywhere>=1", "not installed")],
)
def test_a_package_that_does_not_fit_comes_with_the_command_that_mends_it(requirement, detail):
    finding = doctor.package(Requirement(requirement))
    assert finding.status == "fail"
    assert detail in finding.detail
    assert finding.mend == f"pip install '{requirement}'"


def test_every_requirement_is_looked_at_but_no_extra():
    names = {finding.name for finding in doctor.packages()}
    assert {"torch", "ray", "optuna", "pydantic", "timm"} <= names
    assert "pytest" not in names


def test_a_python_that_is_too_old(monkeypatch):
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.9.1")
    finding = doctor.python_version()
    assert (finding.status, finding.detail) == ("fail", "3.9.1, but >=3.11 is needed")


def test_a_torch_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    finding = doctor.devices()
    assert (finding.status, finding.mend) == ("fail", "pip install --force-reinstall torch")


def test_gpus_are_told_with_their_memory(monkeypatch):
    card = Card("Card 9", 24 * doctor.GIB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    finding = doctor.devices()
    assert (finding.status, finding.detail) == ("ok", "CUDA: Card 9 with 24 GiB, Card 9 with 24 GiB")


@pytest.mark.parametrize(("driver", "status"), [(True, "warn"), (False, "ok")])
def test_a_driver_that_torch_cannot_use(monkeypatch, tmp_path, driver, status):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor, "NVIDIA_DRIVER", tmp_path / "version")
    if driver:
        (tmp_path / "version").touch()
    finding = doctor.devices()
    assert finding.status == status
    assert ("CUDA build of torch" in finding.mend) == driver


@pytest.mark.parametrize(
    ("setting", "status"),
    [(None, "ok"), ("1", "ok"), ("4", "ok"), ("5", "warn"), ("0", "warn"), ("many", "warn")],
)
def test_threads_of_the_environment_must_fit_the_cores(monkeypatch, setting, status):
    monkeypatch.setattr(doctor, "usable_cores", lambda: 4)
    finding = doctor.threads({} if setting is None else {"OMP_NUM_THREADS": setting})
    assert finding.status == status
    assert ("set it to 1 to 4" in finding.mend) == (status == "warn")


@pytest.mark.parametrize(("free", "status"), [(20, "ok"), (3, "warn"), (0.2, "fail")])
def test_free_disk(monkeypatch, tmp_path, free, status):
    with_space(monkeypatch, 100 * doctor.GIB, int(free * doctor.GIB))
    finding = doctor.disk(tmp_path / "runs" / "deep")
    assert finding.status == status
    assert str(tmp_path) in finding.detail


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory has a limit of its own on Linux only")
@pytest.mark.parametrize(("size", "status"), [(2, "ok"), (1, "ok"), (0.0625, "warn")])
def test_shared_memory_of_a_container(monkeypatch, tmp_path, size, status):
    with_space(monkeypatch, int(size * doctor.GIB), 0)
    finding = doctor.shared_memory(tmp_path)
    assert finding.status == status
    assert ("--shm-size" in finding.mend) == (status == "warn")


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory has a limit of its own on Linux only")
def test_no_shared_memory_at_all(tmp_path):
    assert doctor.shared_memory(tmp_path / "shm").status == "warn"


def test_writing_leaves_nothing_behind(tmp_path):
    finding = doctor.writing(tmp_path / "runs")
    assert finding.status == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", ["replace", "fsync", "symlink"])
def test_a_folder_where_a_step_of_writing_fails(monkeypatch, tmp_path, function):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, refuse)
    finding = doctor.writing(tmp_path)
    assert (finding.status, finding.detail) == ("fail", f"in {tmp_path}: No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("setting", "status"), [(None, "ok"), ("0", "ok"), ("1", "warn")])
def test_telemetry_that_the_environment_switches_on(setting, status):
    finding = doctor.telemetry({} if setting is None else {"RAY_USAGE_STATS_ENABLED": setting})
    assert finding.status == status


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000\n", 2), ("150000 100000\n", 2), ("max 100000\n", None), ("", None), (None, None)],
)
def test_a_containers_limit_of_cores(tmp_path, text, cores):
    limit = tmp_path / "cpu.max"
    if text is not None:
        limit.write_text(text)
    assert container_cores(limit) == cores


def test_usable_cores_obey_the_container(monkeypatch, tmp_path):
    free = usable_cores()
    monkeypatch.setattr("automix_search.compute.cores.CGROUP_LIMIT", tmp_path / "cpu.max")
    Path(tmp_path / "cpu.max").write_text("50000 100000")
    assert usable_cores() == 1 <= free
