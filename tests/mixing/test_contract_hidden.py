"""Methods that mix hidden features, held to their contract."""

from automix_search.mixing.hidden.alignmix import AlignMix
from automix_search.mixing.hidden.manifoldmix import ManifoldMix
from automix_search.mixing.hidden.patchup import PatchUp
from automix_search.testing.features import FeatureMixerContract


class TestManifoldMix(FeatureMixerContract):
    mixer = ManifoldMix()


class TestManifoldMixByName(FeatureMixerContract):
    mixer = ManifoldMix(alpha=0.3, layers=("first.block", -1))


class TestPatchUp(FeatureMixerContract):
    mixer = PatchUp()


class TestPatchUpSoft(FeatureMixerContract):
    mixer = PatchUp(form="soft", block=3, gamma=0.75, layers=(0, 1, 2, 3))


class TestAlignMix(FeatureMixerContract):
    mixer = AlignMix()
    keeps_places = False


class TestAlignMixCosine(FeatureMixerContract):
    mixer = AlignMix(cost="cosine", epsilon=0.3, align_probability=1.0, layer="second")
    keeps_places = False
