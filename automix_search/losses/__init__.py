"""Losses: what is minimised on a mixed batch. Torch only."""

from typing import Annotated

from automix_search.families import Family
from automix_search.losses.augmix import AugMixConsistency
from automix_search.losses.base import AbstractLoss, AbstractTargetLoss
from automix_search.losses.consistency import MixtureConsistency
from automix_search.losses.decoupled import DecoupledBinaryCrossEntropy, DecoupledCrossEntropy
from automix_search.losses.distillation import Distillation, MixKD
from automix_search.losses.ferkd import FerKD
from automix_search.losses.local import LocalLabels
from automix_search.losses.rankmixup import RankMixupMargin, RankMixupNDCG
from automix_search.losses.recursive import RecursiveConsistency
from automix_search.losses.regmixup import RegMixup
from automix_search.losses.smmix import SMMixLoss
from automix_search.losses.soft import BinaryCrossEntropy, SoftCrossEntropy
from automix_search.losses.step import Step
from automix_search.losses.sumix import SUMix

LOSSES = Family(
    "loss",
    AbstractLoss,
    (
        *(SoftCrossEntropy, BinaryCrossEntropy),
        *(DecoupledCrossEntropy, DecoupledBinaryCrossEntropy),
        *(RegMixup, RankMixupMargin, RankMixupNDCG),
        *(MixtureConsistency, AugMixConsistency, RecursiveConsistency),
        *(LocalLabels, SMMixLoss, SUMix),
        *(Distillation, MixKD, FerKD),
    ),
)

Loss = Annotated[AbstractLoss, LOSSES]

__all__ = [
    "LOSSES",
    "AbstractLoss",
    "AbstractTargetLoss",
    "BinaryCrossEntropy",
    "Loss",
    "SoftCrossEntropy",
    "Step",
]
