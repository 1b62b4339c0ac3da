"""Every policy that learns keeps to the contract; each has its own test file, and none is left out."""

import importlib
from pathlib import Path

import torch

from automix_search.families import kind_of
from automix_search.learned import LEARNED
from automix_search.learned.context import LearnedStep
from automix_search.testing.learned import LearnedContract


def test_no_member_is_left_out():
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(path.stem)
    tested = {type(found.learned) for found in contracts(LearnedContract)}
    assert [kind_of(member) for member in LEARNED.members if member not in tested] == []


def contracts(contract: type[LearnedContract]) -> list[type[LearnedContract]]:
    """All contracts that have a policy to test."""
    below = [found for child in contract.__subclasses__() for found in contracts(child)]
    return below + ([contract] if hasattr(contract, "learned") else [])


def test_the_images_of_a_step_are_normalised_once():
    seen: list[torch.Tensor] = []
    step = LearnedStep(
        given_model=None,
        pixels=torch.rand(2, 3, 4, 5),
        labels=torch.eye(2),
        progress=0.0,
        index=None,
        normalise=lambda pixels: seen.append(pixels) or pixels * 2 - 1,
        static_loss=lambda pixels, _: pixels.sum(),
        loss_of_mix=lambda pixels, *_: pixels.sum(),
    )
    assert torch.equal(step.images, step.pixels * 2 - 1)
    assert step.images is step.images
    assert len(seen) == 1
