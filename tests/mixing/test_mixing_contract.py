"""Every mixing method, held to the contract that is shipped."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from automix_search.mixing import MIXERS, AbstractBlendMixer
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.fmix import FMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.pixels.none import NoMix
from automix_search.mixing.pixels.resizemix import ResizeMix
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.testing.features import FeatureMixerContract
from automix_search.testing.methods import missing
from automix_search.testing.mixers import MixerContract


class TestNone(MixerContract):
    mixer = NoMix()
    varies = False


class TestMixup(MixerContract):
    mixer = Mixup()


class TestMixupSmallAlpha(MixerContract):
    mixer = Mixup(alpha=0.05)


class TestCutMix(MixerContract):
    mixer = CutMix()


class TestResizeMix(MixerContract):
    mixer = ResizeMix()
    keeps_places = False


class TestResizeMixBilinear(MixerContract):
    mixer = ResizeMix(interpolation="bilinear")
    keeps_places = False


class TestResizeMixArea(MixerContract):
    mixer = ResizeMix(interpolation="area", smallest=0.3, largest=1.0)
    keeps_places = False


class TestFMix(MixerContract):
    mixer = FMix()


class TestFMixSoft(MixerContract):
    mixer = FMix(max_soft=0.3, decay=2.0)


class TestFMixOfficial(MixerContract):
    mixer = FMix(spectrum="official")


class Squeeze(AbstractBlendMixer):
    """A method of a user's own: mixup with a uniform share above a floor."""

    kind: Literal["squeeze"] = "squeeze"
    floor: Annotated[float, Range(0.0, 0.9)] = Field(0.5, ge=0, lt=1, description="Smallest own share.")

    def share(self, draws: int, like: Tensor, random: Randomness) -> Tensor:
        return random.uniform(draws, like, self.floor, 1.0)


class TestOneOfTheUsers(MixerContract):
    mixer = Squeeze()


def test_no_member_is_left_out() -> None:
    for path in Path(__file__).parent.glob("test_contract_*.py"):
        import_module(path.stem)
    contracts = (*MixerContract.__subclasses__(), *FeatureMixerContract.__subclasses__())
    assert not missing(contracts, MIXERS.members)
    assert missing((TestMixup, TestCutMix), (Mixup, CutMix, FMix, NoMix)) == {"none", "fmix"}


def test_a_contract_that_has_no_mixer_yet_tests_nothing() -> None:
    assert missing((TestMixup, MixerContract), (Mixup, CutMix)) == {"cutmix"}
