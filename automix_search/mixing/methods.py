"""The built-in mixing methods, in one explicit tuple."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.fmix import FMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.pixels.none import NoMix
from automix_search.mixing.pixels.resizemix import ResizeMix

MIXERS = Family("mixing method", AbstractMixer, (NoMix, Mixup, CutMix, ResizeMix, FMix))

Mixer = Annotated[AbstractMixer, MIXERS]
