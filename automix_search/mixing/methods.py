"""The built-in mixing methods, in one explicit tuple."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.cutmix import CutMix
from automix_search.mixing.fmix import FMix
from automix_search.mixing.mixup import Mixup
from automix_search.mixing.none import NoMix
from automix_search.mixing.resizemix import ResizeMix

MIXERS = Family("mixing method", AbstractMixer, (NoMix, Mixup, CutMix, ResizeMix, FMix))

Mixer = Annotated[AbstractMixer, MIXERS]
