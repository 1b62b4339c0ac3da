"""Methods on a grid of tokens, held to the contract of mixing methods."""

from automix_search.mixing.tokens.maskmix import MaskMix
from automix_search.mixing.tokens.mergemix import MergeMix
from automix_search.mixing.tokens.smmix import SMMix
from automix_search.mixing.tokens.tokencutmix import TokenCutMix
from automix_search.mixing.tokens.tokenmix import TokenMix
from automix_search.testing.mixers import MixerContract


class TestTokenMix(MixerContract):
    mixer = TokenMix()
    per_image = True  # what is drawn are places; the share of every item is the same


class TestTokenMixRandom(MixerContract):
    mixer = TokenMix(shape="random", share=0.3, cells=7)
    per_image = True


class TestMaskMix(MixerContract):
    mixer = MaskMix()
    per_image = True  # cells of one number cover different numbers of pixels where they do not divide a side


class TestMaskMixFine(MixerContract):
    mixer = MaskMix(cells=14, alpha=0.3)
    per_image = True


class TestTokenCutMix(MixerContract):
    mixer = TokenCutMix(cells=4)


class TestTokenCutMixFine(MixerContract):
    mixer = TokenCutMix(alpha=0.4)


class TestSMMix(MixerContract):
    mixer = SMMix()
    keeps_places = False
    per_image = True


class TestMergeMix(MixerContract):
    mixer = MergeMix()
    per_image = True


class TestMergeMixGroups(MixerContract):
    mixer = MergeMix(ties="group", merged=0.25, depth=1.0, alpha=0.5)
    per_image = True
