"""AdAutoMix: the contract, and the oracles of its specification."""

import copy
import math

import pytest
import torch
from mask_lessons import CLASSES, SHAPE, batch, begun, step_of
from torch import Generator
from torch.nn import functional

from automix_search.learned.automix import AdAutoMix
from automix_search.learned.automix.ad_automix import likeness
from automix_search.learned.automix.adversarial import MaskGenerator
from automix_search.learned.automix.draw import Draw, draw_several
from automix_search.randomness import Randomness
from automix_search.testing.learned import LearnedContract

GRID, SIZE = (3, 4), (12, 16)


class TestAdAutoMix(LearnedContract):
    learned = AdAutoMix()


class TestAdAutoMixOfPairs(LearnedContract):
    learned = AdAutoMix(samples=2, adversarial_every=1, cosine_sign=1, share_channel=False)


class TestCheapAdAutoMix(LearnedContract):
    learned = AdAutoMix(clean_loss=False, update_every=2, resolution=0.5)


def drawn(*shares: float, count: int = 6, seed: int = 0) -> Draw:
    draws = Generator().manual_seed(seed)
    others = [torch.randperm(count, generator=draws) for _ in shares[1:]]
    return Draw(torch.stack((torch.arange(count), *others), 1), shares)


def wild(features: int = 8, share_channel: bool = True) -> MaskGenerator:
    torch.manual_seed(0)
    generator = MaskGenerator(features, share_channel)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.normal_()
    return generator


@pytest.mark.parametrize("shares", [(0.3, 0.7), (0.2, 0.3, 0.5), (0.1, 0.2, 0.3, 0.4)])
def test_masks_sum_to_1(shares):
    """T15: measured 1.2e-7."""
    generator, features = wild(), torch.randn(6, 8, *GRID)
    masks = generator.masks(generator.project(features), drawn(*shares), GRID, SIZE)
    assert masks.shape == (6, len(shares), *SIZE)
    assert masks.std() > 0.05
    assert (masks.sum(1) - 1).abs().max() < 5e-7


def test_masks_are_what_the_formulas_of_the_paper_say():
    """Each source's features with its share as a channel; attention to the sum of all others."""
    generator, features = wild(), torch.randn(6, 8, *GRID)
    draw = drawn(0.2, 0.3, 0.5)
    told = [
        torch.cat((features[draw.sources[:, place]], torch.full((6, 1, *GRID), share)), 1)
        for place, share in enumerate(draw.shares)
    ]
    queries, keys, values = (
        [layer(maps).flatten(2) for maps in told]
        for layer in (generator.query, generator.key, generator.value)
    )
    seen = []
    for place in range(3):
        scores = sum(queries[place].mT @ keys[other] for other in range(3) if other != place)
        seen.append((torch.softmax(scores / math.sqrt(4), -1) @ values[place].mT).view(6, 1, *GRID))
    large = functional.interpolate(torch.cat(seen, 1), SIZE, mode="bilinear")
    masks = generator.masks(generator.project(features), draw, GRID, SIZE)
    torch.testing.assert_close(masks, large.softmax(1), atol=1e-5, rtol=1e-4)


def test_masks_begin_even():
    generator, features = MaskGenerator(8, True), torch.randn(6, 8, *GRID)
    masks = generator.masks(generator.project(features), drawn(0.2, 0.3, 0.5), GRID, SIZE)
    torch.testing.assert_close(masks, torch.full((6, 3, *SIZE), 1 / 3), atol=2e-2, rtol=0)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_shares_sum_to_1_and_every_sample_is_its_own_first_source(count):
    random, images = Randomness(Generator().manual_seed(0)), torch.rand(6, *SHAPE)
    draw = draw_several(count, 1.0, images, random)
    assert sum(draw.shares) == pytest.approx(1)
    assert len(draw.shares) == draw.sources.shape[1] == count
    assert min(draw.shares) >= 0
    assert torch.equal(draw.sources[:, 0], torch.arange(6))
    assert torch.equal(draw.sources.sort(0).values, torch.arange(6)[:, None].expand(6, count))


def test_no_share_is_favoured():
    random, images = Randomness(Generator().manual_seed(0)), torch.rand(2, 1, 1, 1)
    shares = torch.tensor([draw_several(3, 1.0, images, random).shares for _ in range(3000)])
    assert shares.mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_equal_images_mixed_are_the_same_image():
    image = torch.rand(1, *SHAPE).expand(4, -1, -1, -1)
    masks = torch.randn(4, 3, *SHAPE[1:]).softmax(1)
    torch.testing.assert_close(drawn(0.2, 0.3, 0.5, count=4).blended(image, masks), image)


def test_each_mask_shows_its_source():
    images, draw = torch.rand(4, *SHAPE), drawn(0.2, 0.3, 0.5, count=4)
    masks = torch.randn(4, 3, *SHAPE[1:]).softmax(1)
    wanted = (images[draw.sources] * masks[:, :, None]).sum(1)
    torch.testing.assert_close(draw.blended(images, masks), wanted)
    torch.testing.assert_close(draw.targets(torch.eye(4)).sum(1), torch.ones(4))


@pytest.mark.parametrize("trainings", [0, 1])
def test_the_loss_of_the_generator_reaches_it_alone(trainings):
    learner, model = begun(AdAutoMix())
    learner.counters["steps"] = trainings
    images, labels = batch()
    losses = learner.block_losses(learner.view(images, learn=True), labels, 0.0)
    assert list(losses) == (["teacher"] if trainings else ["harder"])
    sum(losses.values()).backward()
    gradients = [parameter.grad for parameter in learner.block.parameters()]
    assert all(gradient is not None for gradient in gradients)
    assert sum(gradient.norm() for gradient in gradients) > 0
    assert all(parameter.grad is None for parameter in (*learner.teacher.parameters(), *model.parameters()))


def test_the_loss_of_the_model_reaches_no_generator():
    learner, model = begun(AdAutoMix(update_every=2, share_margin=0.0))
    learner.counters["steps"] = 1
    learner.learning_loss(step_of(model, *batch())).backward()
    assert all(parameter.grad is None for parameter in learner.block.parameters())


def taught_once(learned: AdAutoMix, steps: int) -> tuple[float, float]:
    """How a step down the generator's loss changes the teacher's loss and the likeness of the same mixtures."""
    learner, _ = begun(learned)
    learner.counters["steps"] = steps
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in (*learner.block.parameters(), *learner.teacher.looker.network.parameters()):
            parameter.add_(0.3 * torch.randn_like(parameter))
    images, labels = batch(12)
    draw = draw_several(3, 1.0, images, learner.random)
    learner.draw = lambda _: draw

    def judged() -> tuple[float, float]:
        with torch.no_grad():
            view = learner.view(images, learn=False, gather=False)
            logits = learner.teacher.logits(
                draw.blended(images, learner.masks(view, draw, images, learn=False))
            )
            clean = learner.teacher.look(images)[1]
            loss = functional.cross_entropy(logits, draw.targets(labels))
            return loss.item(), likeness(logits, clean, draw).item()

    before = judged()
    loss = sum(learner.block_losses(learner.view(images, learn=True), labels, 0.0).values())
    gradients = torch.autograd.grad(loss, list(learner.block.parameters()), allow_unused=True)
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    with torch.no_grad():
        for parameter, gradient in zip(learner.block.parameters(), gradients, strict=True):
            parameter.sub_(gradient / norm * 0.02)
    after = judged()
    return after[0] - before[0], after[1] - before[1]


def test_an_adversarial_step_makes_mixtures_harder_and_another_makes_them_easier():
    assert taught_once(AdAutoMix(beta=1.0), steps=0)[0] > 0
    assert taught_once(AdAutoMix(beta=1.0), steps=1)[0] < 0


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_sign_of_the_cosine_says_whether_mixtures_stay_like_their_sources(sign):
    assert sign * taught_once(AdAutoMix(beta=0.0, cosine_sign=sign), steps=0)[1] < 0


@pytest.mark.parametrize("every", [1, 2, 3])
def test_some_trainings_are_adversarial(every):
    learner, _ = begun(AdAutoMix(adversarial_every=every, update_every=2))
    found = []
    for steps in range(0, 24, 2):
        learner.counters["steps"] = steps
        found.append(learner.view(batch()[0], learn=True).logits is not None)
    assert found == [training % every == 0 for training in range(12)]


def test_likeness_is_the_mean_cosine_by_share():
    draw = drawn(0.2, 0.3, 0.5, count=4)
    mixed, clean = torch.randn(4, CLASSES), torch.randn(4, CLASSES)
    wanted = sum(
        share * functional.cosine_similarity(mixed, clean[draw.sources[:, place]]).mean()
        for place, share in enumerate(draw.shares)
    )
    torch.testing.assert_close(likeness(mixed, clean, draw), wanted)
    torch.testing.assert_close(
        likeness(clean, clean[draw.sources[:, 0]], drawn(1.0, 0.0, count=4)), torch.tensor(1.0)
    )


@pytest.mark.parametrize(("share", "plain"), [(0.02, True), (0.04, False), (0.96, False), (0.98, True)])
def test_a_share_within_the_margin_is_mixed_evenly(share, plain):
    learner, model = begun(AdAutoMix(samples=2))
    learner.draw = lambda images: drawn(share, 1 - share, count=len(images))
    with torch.no_grad():
        for parameter in learner.block.parameters():
            parameter.normal_()
    mixed = learner.mix(step_of(model, *batch()))
    assert (mixed.mask[:, 0].flatten(1).std(1).max() < 1e-6) == plain
    assert mixed.weights[0].tolist() == pytest.approx([share, 1 - share])


@pytest.mark.parametrize(("samples", "count"), [(2, 1), (3, 2)])
def test_the_model_learns_from_clean_images_too(samples, count):
    learner, model = begun(AdAutoMix(samples=samples))
    images, labels = batch()
    reference, passes = copy.deepcopy(model), []
    model.register_forward_hook(lambda *_: passes.append(1))
    draw = draw_several(samples, 1.0, images, learner.random)
    found = learner.clean_loss(step_of(model, images, labels), images, draw)
    wanted = functional.cross_entropy(reference(images), labels)
    if samples == 3:
        even = (images[draw.sources] * draw.weights()[:, :, None, None, None]).sum(1)
        wanted = (wanted + functional.cross_entropy(reference(even), draw.targets(labels))) / 2
    torch.testing.assert_close(found, wanted)
    assert len(passes) == count
