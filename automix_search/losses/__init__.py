"""Losses: what is minimised on a mixed batch. Torch only."""

from typing import Annotated

from automix_search.families import Family
from automix_search.losses.base import AbstractLoss, AbstractTargetLoss
from automix_search.losses.soft import BinaryCrossEntropy, SoftCrossEntropy
from automix_search.losses.step import Step

LOSSES = Family("loss", AbstractLoss, (SoftCrossEntropy, BinaryCrossEntropy))

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
