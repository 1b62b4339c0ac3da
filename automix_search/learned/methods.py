"""The family of policies that learn."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.learned.base import AbstractLearned
from automix_search.learned.ct_augment import CTAugment

LEARNED = Family("learned policy", AbstractLearned, (CTAugment,))

Learned = Annotated[AbstractLearned, LEARNED]
