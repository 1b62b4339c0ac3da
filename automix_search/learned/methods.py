"""The family of policies that learn."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.learned.adamixup import AdaMixUp
from automix_search.learned.adversarial import AdversarialAutoAugment
from automix_search.learned.automix import AdAutoMix, AutoMix, SAMix
from automix_search.learned.base import AbstractLearned
from automix_search.learned.coreset import DataEfficient
from automix_search.learned.ct_augment import CTAugment
from automix_search.learned.deep_auto_augment import DeepAutoAugment
from automix_search.learned.differentiable import DADA, FasterAutoAugment
from automix_search.learned.fast_auto_augment import FastAutoAugment
from automix_search.learned.hard import Hard
from automix_search.learned.hint_aug import HintAug
from automix_search.learned.invariance import InvarianceConstrained
from automix_search.learned.madaug import AdaAug, MADAug

LEARNED = Family(
    "learned policy",
    AbstractLearned,
    (
        CTAugment,
        AdaMixUp,
        MADAug,
        AdaAug,
        Hard,
        HintAug,
        FastAutoAugment,
        FasterAutoAugment,
        DADA,
        AutoMix,
        SAMix,
        AdAutoMix,
        AdversarialAutoAugment,
        InvarianceConstrained,
        DeepAutoAugment,
        DataEfficient,
    ),
)

Learned = Annotated[AbstractLearned, LEARNED]
