"""Mixing methods and label rules: torch only, no Ray, no Optuna, no files."""

from automix_search.mixing.base import (
    AbstractBlendMixer,
    AbstractBoxMixer,
    AbstractMaskMixer,
    AbstractMixer,
    AbstractPlacedMixer,
)
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.labels import LABEL_RULES, AbstractLabelRule
from automix_search.mixing.methods import MIXERS
from automix_search.mixing.partners import PARTNERS, AbstractPartner
from automix_search.mixing.switch import Mix, Switch

__all__ = [
    "LABEL_RULES",
    "MIXERS",
    "PARTNERS",
    "AbstractBlendMixer",
    "AbstractBoxMixer",
    "AbstractLabelRule",
    "AbstractMaskMixer",
    "AbstractMixer",
    "AbstractPartner",
    "AbstractPlacedMixer",
    "Mix",
    "MixedBatch",
    "Pairs",
    "Switch",
]
