"""Policies that are learned by gradient while the model trains: Faster AutoAugment and DADA."""

from automix_search.learned.differentiable.dada import DADA
from automix_search.learned.differentiable.faster import FasterAutoAugment

__all__ = ["DADA", "FasterAutoAugment"]
