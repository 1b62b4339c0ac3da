"""Methods that put images together block by block, held to the contract that is shipped."""

from automix_search.mixing.salient.comixup import CoMixup
from automix_search.mixing.salient.puzzlemix import PuzzleMix
from automix_search.testing.mixers import MixerContract


class TestPuzzleMix(MixerContract):
    mixer = PuzzleMix()
    keeps_places = False
    per_image = True


class TestPuzzleMixInPlace(MixerContract):
    mixer = PuzzleMix(transport=False, levels=4, smoothness=0.3)
    per_image = True


class TestPuzzleMixWholeBlocks(MixerContract):
    mixer = PuzzleMix(cell=None, max_blocks=4, levels=2)
    keeps_places = False
    per_image = True


class TestCoMixup(MixerContract):
    mixer = CoMixup()
    keeps_places = False
    per_image = True


class TestCoMixupInParts(MixerContract):
    mixer = CoMixup(part=4, blocks=None, rounds=2, penalty="soft")
    keeps_places = False
    per_image = True
