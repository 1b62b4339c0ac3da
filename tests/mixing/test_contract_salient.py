"""Methods that look at what is salient, held to the contract that is shipped."""

from automix_search.mixing.salient.attentivemix import AttentiveMix
from automix_search.mixing.salient.guidedmixup import GuidedMixup
from automix_search.mixing.salient.saliency_grafting import SaliencyGrafting
from automix_search.mixing.salient.saliencymix import SaliencyMix
from automix_search.mixing.salient.snapmix import SnapMix
from automix_search.testing.mixers import MixerContract


class TestSaliencyMix(MixerContract):
    mixer = SaliencyMix()
    per_image = True


class TestSaliencyMixOfTheAuthors(MixerContract):
    mixer = SaliencyMix(per_image=False)


class TestSaliencyMixOfGradients(MixerContract):
    mixer = SaliencyMix(saliency="gradient")
    per_image = True


class TestSaliencyMixOfTheResidual(MixerContract):
    mixer = SaliencyMix(saliency="spectral_residual", alpha=0.3)
    per_image = True


class TestAttentiveMix(MixerContract):
    mixer = AttentiveMix()
    per_image = True


class TestAttentiveMixOfAFixedNumber(MixerContract):
    mixer = AttentiveMix(cells=6, extractor="teacher")
    varies = False
    per_image = True


class TestAttentiveMixOfFewCells(MixerContract):
    mixer = AttentiveMix(cells=30, grid=4)
    varies = False


class TestGuidedMixup(MixerContract):
    mixer = GuidedMixup(pairing="given")
    varies = False
    per_image = True


class TestGuidedMixupOfGradients(MixerContract):
    mixer = GuidedMixup(pairing="given", saliency="gradient", kernel=3, sigma=1.0, sharpness=8.0)
    varies = False
    per_image = True


class TestGuidedMixupOfADrawnShare(MixerContract):
    mixer = GuidedMixup(pairing="given", alpha=1.0, sharpness=4.0)
    per_image = True


class TestGuidedMixupPairedGreedily(MixerContract):
    mixer = GuidedMixup()
    varies = False
    per_image = True

    def test_a_sample_with_itself_stays(self) -> None:  # type: ignore[override]
        """Not here: the method gives every sample another partner."""


class TestSnapMix(MixerContract):
    mixer = SnapMix()
    keeps_places = False
    labels_by_share = False
    per_image = True


class TestSnapMixDoubled(MixerContract):
    mixer = SnapMix(same_class="official_double", alpha=5.0, source="teacher")
    keeps_places = False
    labels_by_share = False
    per_image = True


class TestSnapMixNormalised(MixerContract):
    mixer = SnapMix(normalise=True)
    keeps_places = False
    labels_by_share = False
    per_image = True


class TestSaliencyGrafting(MixerContract):
    mixer = SaliencyGrafting()
    labels_by_share = False
    per_image = True


class TestSaliencyGraftingOfPixels(MixerContract):
    mixer = SaliencyGrafting(saliency="fine_grained", norm="l1", grid=4)
    labels_by_share = False
    per_image = True
