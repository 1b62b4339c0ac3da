"""Whether a policy is strong."""

from __future__ import annotations

from statistics import fmean

from automix_search.mixing import Switch
from automix_search.mixing.pixels.none import NoMix
from automix_search.policy.schema import Policy
from automix_search.schedules import AbstractSchedule
from automix_search.transforms.aug_mix import AugMix
from automix_search.transforms.auto_augment import AutoAugment
from automix_search.transforms.operation_table import OperationTable
from automix_search.transforms.random_augment import RandAugment
from automix_search.transforms.sub_policies import SubPolicies
from automix_search.transforms.trivial_augment import TrivialAugment

AUTOMATIC = (TrivialAugment, RandAugment, AutoAugment, SubPolicies, OperationTable, AugMix)
"""Transforms that draw from a list of operations."""
MOST_OF_THE_TIME = 0.5
MOMENTS = [(step + 0.5) / 20 for step in range(20)]
"""Parts of the training at which a schedule is looked at."""


def is_strong(policy: Policy) -> bool:
    """Whether a model may be expected to start slowly under a policy.

    It is strong if more than half of all samples are mixed, over the whole training, or transformed by automatic
    augmentation, or if it has a part that learns. How far a method goes (`alpha`, a magnitude) does not count.
    """
    automatic = (
        step.probability * _mean(step.schedule)
        for step in policy.transform.batch
        if isinstance(step, AUTOMATIC)
    )
    often = max(_mixed(policy.mix), *automatic, 0.0)
    return policy.learned is not None or often > MOST_OF_THE_TIME


def _mixed(mix: Switch) -> float:
    """Part of all samples that are mixed."""
    total = sum(option.weight for option in mix.options)
    mixing = sum(option.weight for option in mix.options if not isinstance(option.method, NoMix))
    return mix.probability * mixing / total * _mean(mix.schedule)


def _mean(schedule: AbstractSchedule) -> float:
    return fmean(schedule.factor(moment) for moment in MOMENTS)
