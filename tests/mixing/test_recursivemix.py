"""RecursiveMix: the first step, the recursion of pictures and labels, and what is remembered."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import blank
from torch import Generator, Tensor, nn
from torch.nn import functional

from automix_search.losses import Step
from automix_search.mixing import AbstractPartner, MixedBatch, Pairs
from automix_search.mixing.labels import ShareLabels
from automix_search.mixing.partners import Roll
from automix_search.mixing.pixels.recursivemix import IMAGES, TARGETS, RecursiveMix
from automix_search.mixing.resampling import Interpolation
from automix_search.policy import ImageSpec, Policy
from automix_search.randomness import Randomness
from automix_search.signals import Memory, ModelSignals, Signals
from automix_search.testing.signals import GivenSignals


def seeded(seed: int = 0) -> Randomness:
    return Randomness(Generator().manual_seed(seed))


def step(
    mixer: RecursiveMix, images: Tensor, labels: Tensor, memory: Memory, random: Randomness, draws: int = 1
) -> MixedBatch:
    seen = GivenSignals(images, memory=memory, labels=labels)
    return mixer.mix(Pairs(images, torch.arange(len(images)), seen=seen), draws, random)


def test_the_first_step_stays_as_it_is_and_is_remembered() -> None:
    images, labels, memory = torch.randn(3, 2, 8, 11), torch.eye(3), Memory()
    batch = step(RecursiveMix(), images, labels, memory, seeded())
    assert torch.equal(batch.inputs, images)
    assert torch.equal(batch.targets(labels), labels)
    assert batch.more_labels is None
    assert torch.equal(memory[IMAGES], images)
    assert torch.equal(memory[TARGETS], labels)
    images.zero_()
    assert memory[IMAGES].any(), "the caller may use its tensor again"


@pytest.mark.parametrize("draws", [1, 4])
@pytest.mark.parametrize("interpolation", ["nearest", "area"])
def test_the_whole_history_stands_in_the_box(draws: int, interpolation: Interpolation) -> None:
    past, images = torch.randn(4, 2, 12, 18), torch.randn(4, 2, 12, 18)
    memory = {IMAGES: past, TARGETS: torch.eye(4).roll(1, 0)}
    mixer = RecursiveMix(interpolation=interpolation)
    batch = step(mixer, images, torch.eye(4), memory, seeded(5), draws)
    boxes = mixer.boxes(Pairs(images, torch.arange(4)), draws, seeded(5))
    for number in range(4):
        top, left = boxes.start.expand(2, 4)[:, number].tolist()
        bottom, right = boxes.stop.expand(2, 4)[:, number].tolist()
        wanted = images[number].clone()
        size = (bottom - top, right - left)
        if 0 not in size:
            wanted[:, top:bottom, left:right] = functional.interpolate(
                past[number : number + 1], size, mode=interpolation
            )[0]
        torch.testing.assert_close(batch.inputs[number], wanted)
        left_over = 1 - size[0] * size[1] / (12 * 18)
        assert batch.weights[number, 0].item() == pytest.approx(left_over, abs=1e-6)
    share = batch.weights[:, :1]
    torch.testing.assert_close(
        batch.targets(torch.eye(4)), share * torch.eye(4) + (1 - share) * torch.eye(4).roll(1, 0)
    )
    torch.testing.assert_close(memory[IMAGES], batch.inputs)
    assert memory[IMAGES].data_ptr() != batch.inputs.data_ptr()


def test_shares_of_three_steps() -> None:
    """A history's own share of its history goes on: (1 - b) of now, b (1 - a) of the last, b a of the one before."""
    memory, random, mixer = Memory(), seeded(2), RecursiveMix(largest_area=1)
    batches = []
    for number in range(3):
        labels = torch.eye(3)[[number] * 2]
        batches.append(step(mixer, torch.randn(2, 1, 12, 18), labels, memory, random))
        torch.testing.assert_close(memory[TARGETS], batches[-1].targets(labels))
    first, second = batches[1].weights[0, 1], batches[2].weights[0, 1]
    assert 0 < first < 1
    assert 0 < second < 1
    wanted = torch.stack((second * first, second * (1 - first), 1 - second))
    torch.testing.assert_close(memory[TARGETS], wanted.expand(2, 3))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.booleans(), st.booleans(), st.integers(0, 99))
def test_labels_keep_their_mass_through_steps_of_any_size(
    sizes: list[int], shuffle: bool, per_sample: bool, seed: int
) -> None:
    """And each step adds at most one class."""
    mixer, memory, random = RecursiveMix(largest_area=1, shuffle=shuffle), Memory(), seeded(seed)
    for number, size in enumerate(sizes):
        labels = torch.eye(7)[torch.randint(7, (size,), generator=random.on(torch.device("cpu")))]
        batch = step(mixer, torch.randn(size, 1, 6, 9), labels, memory, random, size if per_sample else 1)
        targets = batch.targets(labels)
        torch.testing.assert_close(targets.sum(1), torch.ones(size))
        assert ((targets > 0).sum(1) <= number + 1).all()
        assert torch.equal(batch.sources[:, 0], torch.arange(size))
        assert (memory[IMAGES].shape[0], memory[TARGETS].shape[0]) == (size, size)


def test_brightness_after_one_step_is_that_of_the_labels() -> None:
    past, images = torch.full((2, 1, 8, 12), 3.0), torch.full((2, 1, 8, 12), -1.0)
    memory = {IMAGES: past, TARGETS: torch.tensor([[0.0, 1.0], [0.0, 1.0]])}
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    batch = step(RecursiveMix(largest_area=1), images, labels, memory, seeded(2))
    assert 0 < batch.weights[0, 1] < 1
    wanted = batch.targets(labels) @ torch.tensor([-1.0, 3.0])
    torch.testing.assert_close(batch.inputs.mean((1, 2, 3)), wanted)


def test_a_smaller_batch_takes_the_first_and_a_larger_one_counts_round() -> None:
    past = torch.arange(3.0)[:, None, None, None].expand(3, 1, 8, 12)
    for size, order in ((2, [0, 1]), (5, [0, 1, 2, 0, 1])):
        memory = {IMAGES: past, TARGETS: torch.eye(3)}
        images = torch.full((size, 1, 8, 12), 9.0)
        batch = step(RecursiveMix(largest_area=1), images, torch.eye(3)[[0] * size], memory, seeded(2))
        assert (batch.sources[:, 1] - size).tolist() == order
        assert batch.inputs.amin((1, 2, 3)).tolist() == order


def test_a_shuffled_history() -> None:
    past = torch.arange(50.0)[:, None, None, None].expand(50, 1, 8, 12)
    memory = {IMAGES: past, TARGETS: torch.eye(50)}
    mixer = RecursiveMix(largest_area=1, shuffle=True)
    batch = step(mixer, torch.full((50, 1, 8, 12), 99.0), torch.eye(50), memory, seeded(2))
    order = batch.sources[:, 1] - 50
    assert sorted(order.tolist()) == list(range(50))
    assert order.tolist() != list(range(50))
    assert torch.equal(batch.inputs.amin((1, 2, 3)), order.float())


@pytest.mark.parametrize(("side", "mean", "least"), [(32, 0.833, 0.527), (224, 0.819, 0.502)])
def test_shares_over_the_draw(side: int, mean: float, least: float) -> None:
    share = RecursiveMix().boxes(blank((side, side)), 20_000, seeded()).share_outside()
    assert share.mean().item() == pytest.approx(mean, abs=0.005)
    assert share.min().item() == pytest.approx(least, abs=0.01)
    assert share.min() >= 0.5


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "area"])
@pytest.mark.parametrize("draws", [1, 4])
def test_empty_boxes(interpolation: Interpolation, draws: int) -> None:
    """Also of a picture so flat that only one side of the box is empty."""
    for size in ((3, 40), (8, 8)):
        images, memory = torch.randn(4, 1, *size), {IMAGES: torch.randn(4, 1, *size), TARGETS: torch.eye(4)}
        mixer = RecursiveMix(largest_area=0.1, interpolation=interpolation)
        batch = step(mixer, images, torch.eye(4), memory, seeded(1), draws)
        assert batch.inputs.isfinite().all()
    nothing = RecursiveMix(largest_area=0, interpolation=interpolation)
    batch = step(nothing, images, torch.eye(4), memory, seeded(), draws)
    assert torch.equal(batch.inputs, images)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "area"])
def test_some_of_a_pool_in_half_precision_and_channels_last(draws: int, interpolation: Interpolation) -> None:
    images = torch.randn(5, 2, 12, 18).bfloat16().contiguous(memory_format=torch.channels_last)
    memory = {
        IMAGES: images.flip(0)[:3].contiguous(memory_format=torch.channels_last),
        TARGETS: torch.eye(3, 5),
    }
    own, before = torch.tensor([4, 0, 2]), images.clone()
    seen = GivenSignals(images, memory=memory, labels=torch.eye(5))
    mixer = RecursiveMix(interpolation=interpolation, largest_area=1)
    batch = mixer.mix(Pairs(images, torch.tensor([1, 2, 3]), own, seen), draws, seeded(3))
    assert batch.inputs.dtype == torch.bfloat16
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert batch.sources.tolist() == [[4, 5], [0, 6], [2, 7]]
    outside = batch.mask.bool().expand_as(batch.inputs)
    assert torch.equal(batch.inputs[outside], images[own][outside])
    assert torch.equal(images, before)
    torch.testing.assert_close(batch.targets(torch.eye(5)), memory[TARGETS])


def test_a_history_of_another_size_is_let_go() -> None:
    memory = {IMAGES: torch.randn(4, 1, 6, 6), TARGETS: torch.eye(4)}
    images = torch.randn(4, 1, 8, 8)
    assert torch.equal(step(RecursiveMix(), images, torch.eye(4), memory, seeded()).inputs, images)


def test_in_training() -> None:
    """No graph is kept, an epoch begins without history, and a checkpoint holds it."""
    policy = Policy.model_validate({"mix": {"kind": "recursivemix"}})
    spec = ImageSpec(1, (8, 8), (0.5,), (0.2,))
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    augmenter = policy.build(num_classes=3, input=spec, generator=Generator().manual_seed(0))
    x, y = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    first, targets = augmenter(x, y)
    assert torch.equal(targets, torch.eye(3)[y])
    _, targets = augmenter(x.roll(1, 0), y.roll(1))
    assert not torch.equal(targets, torch.eye(3)[y.roll(1)])
    for _ in range(3):
        augmenter.loss(model, x, y).backward()
    state = augmenter.state_dict()
    assert not any(kept.requires_grad for kept in state["memory"].values())
    resumed = policy.build(num_classes=3, input=spec)
    resumed.load_state_dict(state)
    torch.testing.assert_close(resumed(x, y), augmenter(x, y))
    augmenter.begin_epoch(0.5)
    again, targets = augmenter(x, y)
    assert torch.equal(again, first)
    assert torch.equal(targets, torch.eye(3)[y])


def test_what_is_mixed_anew_in_a_step_has_the_history_of_the_step_before() -> None:
    mixer, random, labels = RecursiveMix(), seeded(4), torch.eye(5)
    memory: Memory = {}
    step(mixer, torch.randn(5, 1, 9, 8), labels, memory, random)
    images, past = torch.randn(5, 1, 9, 8), dict(memory)
    signals = ModelSignals(nn.Identity(), images, labels.flip(0), memory=memory)

    def mix(signals: Signals, partner: AbstractPartner | None) -> MixedBatch:
        return mixer.mix(Pairs(signals.images, torch.arange(len(signals.images)), seen=signals), 1, random)

    drawn = mix(signals, None)
    now = Step(signals, drawn, ShareLabels(), mix, lambda: images.flip(3), past=past)
    for again in (now.remix(), now.remix(), now.both_views(Roll()).drawn):
        assert again.more_labels is not None
        assert torch.equal(again.more_labels, labels)
        assert torch.equal(memory[IMAGES], drawn.inputs)
        assert torch.equal(memory[TARGETS], drawn.targets(labels.flip(0)))


def test_a_loss_that_mixes_more_than_once_remembers_one_mix() -> None:
    tree = {"mix": {"kind": "recursivemix"}, "loss": {"kind": "rankmixup", "mixes": 3}}
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    augmenter = Policy.model_validate(tree).build(num_classes=3, generator=Generator().manual_seed(0))
    x, y = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    augmenter.loss(model, x, y)
    assert torch.equal(augmenter.state_dict()["memory"][IMAGES], x), (
        "the first batch of an epoch stays as it is"
    )
    ran: list[Tensor] = []
    model.register_forward_pre_hook(lambda _, inputs: ran.append(inputs[0]))
    augmenter.loss(model, x.flip(2), y)
    mixes = ran[-1].split(6)
    assert len(mixes) == 3
    assert torch.equal(augmenter.state_dict()["memory"][IMAGES], mixes[0])
    assert all((mix != x.flip(2)).any() for mix in mixes), "all of them have history"
