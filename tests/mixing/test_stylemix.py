"""StyleMix and StyleCutMix: statistics, exact identities, and labels by content and style."""

import pytest
import torch
from scripted import Scripted
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.stylecutmix import StyleCutMix
from automix_search.mixing.pixels.stylemix import StyleMix
from automix_search.mixing.pixels.styles import Style, enlarged, halved, swapped, swapped_statistics
from automix_search.randomness import Randomness


def normalised_as(content: Tensor, style: Tensor) -> Tensor:
    """The content with the style's mean and standard deviation in each channel."""
    return swapped_statistics(content, style)[0]


def restyled(content: Tensor, style: Tensor, by: Style) -> Tensor:
    """The content of one picture in the style of another."""
    return swapped(content, style, by)[0]


STYLES = pytest.mark.parametrize("style", ["pixels", "pyramid"])


class InTurn(Scripted):
    """Draws given shares from the Beta distributions, call by call, and the middle of every interval."""

    def __init__(self, shares: list[float], *numbers: list[int]) -> None:
        super().__init__([0.0], *numbers)
        self._shares = list(shares)

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        return torch.full((count,), self._shares.pop(0))

    def uniform(self, count: int, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.full((count,), (low + high) / 2)


def pictures(count: int = 4, seed: int = 0) -> Tensor:
    """Pictures of different brightness and contrast, `count x 3 x 18 x 25`."""
    drawn = torch.randn(count, 3, 18, 25, generator=Generator().manual_seed(seed))
    steps = torch.arange(1.0, count + 1)[:, None, None, None]
    return drawn * steps / 2 + steps


def test_statistics_are_those_of_the_style() -> None:
    content, style = pictures(seed=0), pictures(seed=1).flip(0)
    found = normalised_as(content, style)
    torch.testing.assert_close(found.mean((2, 3)), style.mean((2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.std((2, 3)), style.std((2, 3)), atol=1e-3, rtol=1e-3)
    plain = (content - content.mean((2, 3), keepdim=True)) / content.std((2, 3), keepdim=True)
    again = (found - found.mean((2, 3), keepdim=True)) / found.std((2, 3), keepdim=True)
    torch.testing.assert_close(again, plain, atol=1e-3, rtol=1e-3)


@STYLES
def test_both_are_dressed_alike(style: Style) -> None:
    first, second = pictures(seed=0), pictures(seed=1).flip(0)
    there, back = swapped(first, second, style), swapped(second, first, style)
    assert torch.equal(there[0], back[1])
    assert torch.equal(there[1], back[0])


@STYLES
def test_a_picture_in_its_own_style_is_itself(style: Style) -> None:
    images = pictures()
    torch.testing.assert_close(restyled(images, images, style), images, atol=1e-5, rtol=1e-5)


def test_a_pyramid_is_made_of_all_it_was() -> None:
    coarse, fine = halved(pictures())
    assert coarse.shape[-2:] == (9, 13)
    torch.testing.assert_close(enlarged(coarse, fine) + fine, pictures())


def test_a_pyramid_moves_the_strength_of_fine_structures() -> None:
    """A coarse picture in the style of a finely striped one gets stripes' strength only where it has any."""
    rows = torch.arange(16.0)[:, None]
    stripes = (rows % 2 * 2 - 1).expand(1, 1, 16, 16)
    smooth = torch.sin(rows / 16 * 6.283).expand(1, 1, 16, 16) + 0.05 * stripes
    by_bands = restyled(smooth, stripes, "pyramid")
    _, fine = halved(by_bands)
    _, before = halved(restyled(smooth, stripes, "pixels"))
    assert fine.std() > 3 * before.std()


def test_small_pictures_have_no_pyramid() -> None:
    content, style = torch.randn(2, 3, 7, 30), torch.randn(2, 3, 7, 30)
    assert torch.equal(restyled(content, style, "pyramid"), restyled(content, style, "pixels"))


@pytest.mark.parametrize("draws", [1, 4])
def test_golden_of_stylemix(draws: int) -> None:
    """Content 0.7 and style 0.4 own: 0.1 to 0.4 has both, 0.25 in the middle."""
    images, partner = pictures(), torch.tensor([2, 0, 3, 1])
    batch = StyleMix(content_weight=0.8).mix(Pairs(images, partner), draws, InTurn([0.7, 0.4]))
    other = images[partner]
    wanted = 0.25 * images + 0.15 * other
    wanted += 0.45 * normalised_as(images, other) + 0.15 * normalised_as(other, images)
    torch.testing.assert_close(batch.inputs, wanted)
    share = 0.8 * 0.7 + 0.2 * 0.4
    torch.testing.assert_close(batch.weights, torch.tensor([[share, 1 - share]]).expand(4, 2))


@pytest.mark.parametrize(("content", "style"), [(0.9, 0.8), (0.2, 0.1), (0.5, 0.5), (1.0, 0.0)])
def test_parts_of_stylemix_are_a_whole(content: float, style: float) -> None:
    """Pictures that are all alike stay, whatever the parts: these sum to 1 and none is negative."""
    images = pictures(1).expand(2, -1, -1, -1)
    batch = StyleMix().mix(Pairs(images, torch.tensor([1, 0])), 2, InTurn([content, style]))
    torch.testing.assert_close(batch.inputs, images, atol=1e-5, rtol=1e-5)


@STYLES
def test_all_own_and_all_of_the_partner_in_stylemix(style: Style) -> None:
    images, partner = pictures(), torch.tensor([2, 0, 3, 1])
    for share, wanted in ((1.0, images), (0.0, images[partner])):
        batch = StyleMix(style=style).mix(Pairs(images, partner), 1, InTurn([share, share]))
        torch.testing.assert_close(batch.inputs, wanted)
        assert batch.weights[:, 0].eq(share).all()


@STYLES
def test_the_own_content_in_the_partners_style(style: Style) -> None:
    images, partner = pictures(), torch.tensor([2, 0, 3, 1])
    batch = StyleMix(style=style, content_weight=1).mix(Pairs(images, partner), 1, InTurn([1.0, 0.0]))
    torch.testing.assert_close(batch.inputs, restyled(images, images[partner], style))
    assert batch.weights[:, 0].eq(1).all()


@STYLES
@pytest.mark.parametrize("draws", [1, 4])
def test_all_style_kept_is_cutmix(style: Style, draws: int) -> None:
    images, partner = pictures(), torch.tensor([2, 0, 3, 1])
    pairs, box = Pairs(images, partner), ([7], [19])
    batch = StyleCutMix(style=style).mix(pairs, draws, InTurn([0.6, 0.3, 1.0], *box))
    wanted = CutMix().mix(pairs, draws, Scripted([0.6], *box))
    assert torch.equal(batch.inputs, wanted.inputs)
    torch.testing.assert_close(batch.weights, wanted.weights)
    never = StyleCutMix(style=style, keep_alpha=0).mix(pairs, draws, Randomness(Generator().manual_seed(0)))
    assert (never.inputs.eq(images) | never.inputs.eq(images[partner])).all()


def test_golden_of_stylecutmix() -> None:
    """The authors' four parts, each in full; content 1 outside of the box, style 0.3, half of it kept."""
    images, partner = pictures(), torch.tensor([2, 0, 3, 1])
    other = images[partner]
    batch = StyleCutMix(content_weight=0.6).mix(
        Pairs(images, partner), 4, InTurn([0.75, 0.3, 0.5], [8], [12])
    )
    content = torch.ones(18, 25)
    content[4:12, 6:18] = 0
    both = (content + 0.3 - 1).clamp(min=0)
    own_dressed = 0.5 * images + 0.5 * normalised_as(images, other)
    other_dressed = 0.5 * other + 0.5 * normalised_as(other, images)
    wanted = both * images + (1 - content - 0.3 + both) * other
    wanted += (content - both) * own_dressed + (0.3 - both) * other_dressed
    torch.testing.assert_close(batch.inputs, wanted)
    area = content.mean()
    share = 0.6 * area + 0.4 * (0.5 * area + 0.5 * 0.3)
    torch.testing.assert_close(batch.weights[:, 0], share.expand(4))


@pytest.mark.parametrize("mixer", [StyleMix(), StyleMix(style="pyramid"), StyleCutMix()])
def test_a_sample_with_itself_is_itself(mixer: StyleMix | StyleCutMix) -> None:
    images = pictures()
    batch = mixer.mix(Pairs(images, torch.arange(4)), 4, Randomness(Generator().manual_seed(0)))
    torch.testing.assert_close(batch.inputs, images, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mixer", [StyleMix(), StyleCutMix()])
def test_pictures_without_contrast(mixer: StyleMix | StyleCutMix) -> None:
    images = torch.tensor([1.0, 5.0])[:, None, None, None].expand(2, 3, 9, 12)
    batch = mixer.mix(Pairs(images, torch.tensor([1, 0])), 2, Randomness(Generator().manual_seed(0)))
    assert batch.inputs.min() >= 1 - 1e-5
    assert batch.inputs.max() <= 5 + 1e-5
