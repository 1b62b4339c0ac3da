"""The built-in mixing methods, in one explicit tuple."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.hidden.alignmix import AlignMix
from automix_search.mixing.hidden.manifoldmix import ManifoldMix
from automix_search.mixing.hidden.patchup import PatchUp
from automix_search.mixing.pixels.cellmix import CellMix
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.mixing.pixels.fmix import FMix
from automix_search.mixing.pixels.gmix import GMix
from automix_search.mixing.pixels.gridmix import GridMix
from automix_search.mixing.pixels.hmix import HMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.pixels.none import NoMix
from automix_search.mixing.pixels.patchmix import PatchMix
from automix_search.mixing.pixels.recursivemix import RecursiveMix
from automix_search.mixing.pixels.resizemix import ResizeMix
from automix_search.mixing.pixels.smoothmix import SmoothMix
from automix_search.mixing.pixels.stylecutmix import StyleCutMix
from automix_search.mixing.pixels.stylemix import StyleMix
from automix_search.mixing.salient.attentivemix import AttentiveMix
from automix_search.mixing.salient.comixup import CoMixup
from automix_search.mixing.salient.guidedmixup import GuidedMixup
from automix_search.mixing.salient.puzzlemix import PuzzleMix
from automix_search.mixing.salient.saliency_grafting import SaliencyGrafting
from automix_search.mixing.salient.saliencymix import SaliencyMix
from automix_search.mixing.salient.snapmix import SnapMix
from automix_search.mixing.tokens.maskmix import MaskMix
from automix_search.mixing.tokens.mergemix import MergeMix
from automix_search.mixing.tokens.smmix import SMMix
from automix_search.mixing.tokens.tokencutmix import TokenCutMix
from automix_search.mixing.tokens.tokenmix import TokenMix

MIXERS = Family(
    "mixing method",
    AbstractMixer,
    (
        NoMix,
        Mixup,
        CutMix,
        CutMixMinMax,
        ResizeMix,
        FMix,
        GridMix,
        CellMix,
        PatchMix,
        SmoothMix,
        HMix,
        GMix,
        StyleMix,
        StyleCutMix,
        RecursiveMix,
        SaliencyMix,
        AttentiveMix,
        GuidedMixup,
        PuzzleMix,
        CoMixup,
        SnapMix,
        SaliencyGrafting,
        TokenMix,
        MaskMix,
        TokenCutMix,
        SMMix,
        MergeMix,
        ManifoldMix,
        PatchUp,
        AlignMix,
    ),
)

Mixer = Annotated[AbstractMixer, MIXERS]
