"""From a cluster profile to the executor that runs there."""

from __future__ import annotations

import os
from pathlib import Path

from automix_search.compute.cores import usable_cores
from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Executor, Place
from automix_search.compute.profiles import AbstractProfile, AddressProfile, DebugProfile, LocalProfile
from automix_search.errors import InputError
from automix_search.training.base import Resources


def executor_of(
    profile: AbstractProfile, resources: Resources, checkpoints: Path | None, checkpoint_every_s: float
) -> Executor:
    """The executor that a profile describes; Ray is imported only where it is used.

    Args:
        profile: Where trainings run.
        resources: What each of them needs.
        checkpoints: Folder for their checkpoints.
        checkpoint_every_s: Shortest time between two checkpoints of a training, in seconds.

    Raises:
        InputError: The place has not what a training needs.
    """
    check_place(profile, resources)
    device = "cuda" if resources.gpus else "cpu"
    if isinstance(profile, DebugProfile):
        threads = resources.cpus
        return InProcess(Place(device, threads, checkpoints, checkpoint_every_s))
    from automix_search.compute.ray_tune import RayTune

    if isinstance(profile, AddressProfile):
        kept = checkpoints if profile.shared_runs else None
        place = Place(device, resources.cpus, kept, checkpoint_every_s)
        return RayTune(place, profile.workers, resources, address=profile.resolve(os.environ))
    if isinstance(profile, LocalProfile):
        layout = profile.layout(usable_cores(), resources.cpus, resources.gpus, _gpus())
        share = Resources(cpus=max(resources.cpus, layout.threads), gpus=resources.gpus)
        place = Place(device, layout.threads, checkpoints, checkpoint_every_s)
        return RayTune(
            place, layout.workers, share, dashboard=profile.dashboard, object_store_gb=profile.object_store_gb
        )
    raise InputError(f"there is no executor for the profile {type(profile).__name__}")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def check_place(profile: AbstractProfile, resources: Resources) -> None:
    """See that a place has what a training needs, as far as this machine can tell.

    Raises:
        InputError: It has not.
    """
    if resources.gpus and not isinstance(profile, AddressProfile) and not _gpus():
        raise InputError(
            f"the trainer asks for {resources.gpus:g} GPUs a training, but this machine has none; "
            f"set `resources: {{gpus: 0}}` in the trainer, or run where there is one"
        )
    if isinstance(profile, LocalProfile):
        profile.layout(usable_cores(), resources.cpus, resources.gpus, _gpus())
    if isinstance(profile, AddressProfile):
        profile.resolve(os.environ)
