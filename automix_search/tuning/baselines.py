"""What every search is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from automix_search.errors import InputError
from automix_search.mixing import Switch
from automix_search.mixing.partners import Flip
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.switch import Option
from automix_search.policy import Policy, Transform
from automix_search.training.base import AbstractTrainer
from automix_search.transforms.load import stage_size
from automix_search.transforms.resize import Resize
from automix_search.transforms.trivial_augment import TrivialAugment


def baselines_of(trainer: AbstractTrainer) -> dict[str, Policy]:
    """The four baselines of every search, and those that the recipe names.

    none: no augmentation at all. base: the recipe's own transforms, no mixing. trivial: base after TrivialAugment.
    default: base, then timm's switch of mixup 0.8 and CutMix 1.0 with smoothing 0.1, the customary recipe.

    Raises:
        InputError: The recipe names a baseline like one of the four.
    """
    base = trainer.transform
    found = {
        "none": Policy(transform=unaugmented(base)),
        "base": Policy(transform=base),
        "trivial": Policy(transform=Transform(load=base.load, batch=(TrivialAugment(), *base.batch))),
        "default": Policy(transform=base, mix=timm_switch()),
    }
    settled = {name: trainer.settle(policy) for name, policy in _with_own(found, trainer.baselines).items()}
    return {**settled, "default": _smoothed(settled["default"], 0.1)}


def _smoothed(policy: Policy, smoothing: float) -> Policy:
    return policy.model_copy(update={"loss": policy.loss.model_copy(update={"smoothing": smoothing})})


def unaugmented(base: Transform) -> Transform:
    """Transforms that change nothing: pictures are only brought to the size that the base transforms bring them to."""
    if not base.load:
        return Transform()
    height, width = stage_size(base.load)
    return Transform(load=(Resize(height=height, width=width),))


def timm_switch() -> Switch:
    """timm's `Mixup(mixup_alpha=0.8, cutmix_alpha=1.0)`: one of the two for each batch, with even chances."""
    options = (Option(weight=0.5, method=Mixup(alpha=0.8)), Option(weight=0.5, method=CutMix(alpha=1.0)))
    return Switch(partner=Flip(), options=options)


def _with_own(found: dict[str, Policy], own: Mapping[str, Policy]) -> dict[str, Policy]:
    for name, policy in own.items():
        if name in found:
            raise InputError(
                f"the recipe's baseline `{name}` has the name of a built-in one; choose another name"
            )
        found[name] = policy
    return found
