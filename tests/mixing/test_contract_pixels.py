"""Methods that look at nothing but pixels, held to the contract."""

from automix_search.mixing.pixels.cellmix import CellMix
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.mixing.pixels.gmix import GMix
from automix_search.mixing.pixels.gridmix import GridMix
from automix_search.mixing.pixels.hmix import HMix
from automix_search.mixing.pixels.patchmix import PatchMix
from automix_search.mixing.pixels.recursivemix import RecursiveMix
from automix_search.mixing.pixels.smoothmix import SmoothMix
from automix_search.mixing.pixels.stylecutmix import StyleCutMix
from automix_search.mixing.pixels.stylemix import StyleMix
from automix_search.testing.mixers import MixerContract


class TestCutMixMinMax(MixerContract):
    mixer = CutMixMinMax()


class TestCutMixAspect(MixerContract):
    mixer = CutMix(aspect="random")


class TestGridMix(MixerContract):
    mixer = GridMix()


class TestGridMixOblong(MixerContract):
    mixer = GridMix(fewest=3, most=3, hole_aspect=0.6, smallest_crop=0.3)


class TestCellMix(MixerContract):
    mixer = CellMix()


class TestCellMixExact(MixerContract):
    mixer = CellMix(cells=8, count="exact")


class TestPatchMix(MixerContract):
    mixer = PatchMix()


class TestSmoothMix(MixerContract):
    mixer = SmoothMix()


class TestSmoothMixSquare(MixerContract):
    mixer = SmoothMix(shape="square", smallest=0.1, extent=0.4)


class TestHMix(MixerContract):
    mixer = HMix()


class TestHMixLikeCutMix(MixerContract):
    mixer = HMix(box_ratio=1)


class TestGMix(MixerContract):
    mixer = GMix()


class TestStyleMix(MixerContract):
    mixer = StyleMix()
    keeps_places = False
    labels_by_share = False


class TestStyleMixPyramid(MixerContract):
    mixer = StyleMix(style="pyramid")
    keeps_places = False
    labels_by_share = False


class TestStyleCutMix(MixerContract):
    mixer = StyleCutMix()
    keeps_places = False
    labels_by_share = False


class TestStyleCutMixPyramid(MixerContract):
    mixer = StyleCutMix(style="pyramid")
    keeps_places = False
    labels_by_share = False


class TestRecursiveMixFirstStep(MixerContract):
    mixer = RecursiveMix()
    varies = False
