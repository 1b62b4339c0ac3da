"""The augmenter: a policy at work in a training loop."""

from typing import Any, Literal

import pytest
import torch
from timm.data import Mixup as TimmMixup
from torch import Generator, Tensor, nn
from torchvision.transforms import v2

from automix_search.errors import InputError
from automix_search.policy import Augmenter, ImageSpec, Policy, StepContext, Transform
from automix_search.randomness import Randomness
from automix_search.transforms import AbstractBatchTransform

DIGITS = ImageSpec(1, (8, 11), (0.25,), (0.5,))
PHOTOS = ImageSpec(3, (8, 11), (0.4, 0.5, 0.6), (0.2, 0.25, 0.5))
DEIT = {
    "kind": "switch",
    "partner": {"kind": "flip"},
    "options": [{"method": {"kind": "mixup", "alpha": 0.8}}, {"method": {"kind": "cutmix"}}],
}


class Shift(AbstractBatchTransform):
    """Moves every image one pixel down: something to see, and to see the order of."""

    kind: Literal["shift"] = "shift"

    def transform(self, images: Tensor, random: Randomness) -> Tensor:
        return images.roll(1, 2)


def augmenter(
    seed: int = 0, num_classes: int = 10, spec: ImageSpec | None = None, **policy: Any
) -> Augmenter:
    generator = Generator().manual_seed(seed)
    built = Policy.model_validate(policy, context={"methods": (Shift,)})
    return built.build(num_classes=num_classes, input=spec, generator=generator)


def photos(count: int = 6, dtype: torch.dtype = torch.float32) -> Tensor:
    pixels = torch.randint(256, (count, 3, 8, 11), generator=Generator().manual_seed(1))
    return pixels.to(torch.uint8) if dtype == torch.uint8 else (pixels / 255).to(dtype)


def labels(count: int = 6) -> Tensor:
    return torch.arange(count) % 10


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_stands_in_for_timm_and_torchvision(per: str) -> None:
    """Same call, same shapes and types of what comes back."""
    images = photos()
    x, targets = augmenter(mix={**DEIT, "per": per})(images, labels())
    for theirs in (TimmMixup(num_classes=10), v2.MixUp(num_classes=10)):
        their_x, their_targets = theirs(images.clone(), labels())
        assert x.shape == their_x.shape
        assert x.dtype == their_x.dtype
        assert targets.shape == their_targets.shape
        assert targets.dtype == their_targets.dtype
    torch.testing.assert_close(targets.sum(1), torch.ones(6))


def test_targets_belong_to_the_images() -> None:
    """Each image is all of the value of its class: the targets' expected class is the mean pixel."""
    classes = torch.tensor([0, 9, 3, 3, 7, 1])
    images = classes[:, None, None, None].expand(6, 3, 8, 11) / 9
    for seed in range(20):
        x, targets = augmenter(seed, mix={**DEIT, "per": ("batch", "sample")[seed % 2]})(images, classes)
        expected = (targets * torch.arange(10)).sum(1)
        torch.testing.assert_close(9 * x.mean((1, 2, 3)), expected, atol=1e-4, rtol=0)


def test_smoothed_targets() -> None:
    _, targets = augmenter(
        mix={"kind": "mixup", "partner": {"kind": "roll"}},
        loss={"kind": "soft_cross_entropy", "smoothing": 0.1},
    )(photos(2), torch.tensor([2, 7]))
    share = (targets[0, 2] - 0.01) / 0.9
    assert 0 < share < 1
    wanted = torch.full((10,), 0.01)
    wanted[2] += 0.9 * share
    wanted[7] += 0.9 * (1 - share)
    torch.testing.assert_close(targets[0], wanted)


def test_multi_hot_labels() -> None:
    rows = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    built = augmenter(
        num_classes=4,
        mix={"kind": "mixup", "partner": {"kind": "roll"}},
        loss={"kind": "binary_cross_entropy"},
    )
    batch, unmixed = built.mix(photos(3), rows)
    assert torch.equal(unmixed, rows.float())
    _, targets = augmenter(num_classes=4, mix={"kind": "mixup", "partner": {"kind": "roll"}})(photos(3), rows)
    share = batch.weights[:, :1]
    torch.testing.assert_close(targets, share * rows + (1 - share) * rows.roll(1, 0))


def test_without_mixing_targets_are_still_soft() -> None:
    x, targets = augmenter()(photos(), labels())
    assert torch.equal(x, photos())
    assert torch.equal(targets, torch.eye(10)[:6])


def test_bytes_and_floats_are_normalised_alike() -> None:
    from_bytes, _ = augmenter(spec=PHOTOS)(photos(dtype=torch.uint8), labels())
    from_floats, _ = augmenter(spec=PHOTOS)(photos(), labels())
    wanted = v2.functional.normalize(photos(), list(PHOTOS.mean), list(PHOTOS.std))
    torch.testing.assert_close(from_floats, wanted)
    torch.testing.assert_close(from_bytes, wanted, atol=1e-5, rtol=1e-5)


def test_transforms_come_first_then_normalising_then_mixing() -> None:
    policy = {"transform": {"batch": [{"kind": "shift"}]}, "mix": DEIT}
    shifted, _ = augmenter(spec=PHOTOS, **policy)(photos(dtype=torch.uint8), labels())
    by_hand, _ = augmenter(mix=DEIT)(
        augmenter(spec=PHOTOS).normalise(photos(dtype=torch.uint8).roll(1, 2)), labels()
    )
    torch.testing.assert_close(shifted, by_hand)


def test_the_batch_is_not_written_to() -> None:
    for images in (photos(), photos(dtype=torch.uint8)):
        before, ids = images.clone(), labels()
        augmenter(spec=PHOTOS, mix={**DEIT, "per": "sample"})(images, ids)
        assert torch.equal(images, before)
        assert torch.equal(ids, labels())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_keeps_channels_last(dtype: torch.dtype) -> None:
    images = photos(dtype=dtype).to(memory_format=torch.channels_last)
    for per in ("batch", "sample"):
        x, _ = augmenter(spec=PHOTOS, mix={**DEIT, "per": per})(images, labels())
        assert x.is_contiguous(memory_format=torch.channels_last)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 9, 10))


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_loss_is_that_of_the_augmented_batch(per: str) -> None:
    model, policy = network(), {"mix": {**DEIT, "per": per}}
    x, targets = augmenter(3, **policy)(photos(), labels())
    wanted = -(targets * model(x).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(augmenter(3, **policy).loss(model, photos(), labels()), wanted)


def test_the_loss_teaches() -> None:
    model, built = network(), augmenter(spec=PHOTOS, mix={"kind": "mixup", "alpha": 0.2})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for step in range(60):
        loss = built.loss(model, photos(dtype=torch.uint8), labels(), progress=step / 60)
        optimizer.zero_grad()
        loss.backward()
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


@pytest.mark.parametrize("kind", ["mixup", "cutmix", "resizemix", "fmix"])
def test_under_autocast_the_loss_is_finite_and_full_precision(kind: str) -> None:
    built = augmenter(spec=PHOTOS, mix={"kind": kind, "per": "sample"})
    with torch.autocast("cpu", torch.bfloat16):
        loss = built.loss(network(), photos(dtype=torch.uint8), labels())
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()


def test_autocast_changes_neither_batch_nor_targets() -> None:
    mix = {"kind": "resizemix", "interpolation": "bilinear", "per": "sample"}
    plain = augmenter(mix=mix)(photos(), labels())
    with torch.autocast("cpu", torch.bfloat16):
        inside = augmenter(mix=mix)(photos(), labels())
    assert torch.equal(inside[0], plain[0])
    assert torch.equal(inside[1], plain[1])


def test_goes_on_exactly_where_it_stopped() -> None:
    mix = {**DEIT, "per": "sample", "probability": 0.7}
    first = augmenter(0, mix=mix)
    first(photos(), labels())
    state = first.state_dict()
    wanted = first(photos(), labels())
    other = augmenter(1, mix=mix)
    other.load_state_dict(state)
    again = other(photos(), labels())
    assert torch.equal(again[0], wanted[0])
    assert torch.equal(again[1], wanted[1])


def test_the_schedule_follows_progress() -> None:
    built = augmenter(
        mix={"kind": "mixup", "partner": {"kind": "roll"}, "schedule": {"kind": "until", "stop": 0.5}}
    )
    assert not torch.equal(built(photos(), labels(), progress=0.49)[0], photos())
    assert torch.equal(built(photos(), labels(), progress=0.5)[0], photos())


def test_a_policy_that_does_not_learn_has_empty_steps() -> None:
    built, model = augmenter(), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert built.search_share == 0
    assert built.param_groups() == []
    before = built.state_dict()
    built.begin_epoch(0.5)
    built.update(StepContext(model, optimizer, (photos(), labels()), None, 0.5))
    assert str(built.state_dict()) == str(before)


@pytest.mark.parametrize(
    ("x", "y", "progress", "sentence"),
    [
        (photos(5), labels(6), 0.0, "images and labels must be of one length, but got 5 and 6"),
        (photos(), labels(), 1.5, "`progress` must lie in [0, 1], but got 1.5"),
        (photos()[:, :2], labels(), 0.0, "images have 2 channels, but `input` says 3"),
        (photos().long(), labels(), 0.0, "images must be uint8 or float, but got torch.int64"),
        (photos(), torch.zeros(6, 4), 0.0, "labels have 4 classes, but the augmenter was built for 10"),
        (photos(), labels() + 7, 0.0, "class ids must lie in 0 to 9, but got 7 to 12"),
        (photos(), labels() - 1, 0.0, "class ids must lie in 0 to 9, but got -1 to 4"),
        (photos(), labels().float(), 0.0, "class ids must be whole numbers, but got torch.float32"),
        (photos(), torch.zeros(6, 10, 2), 0.0, "labels must be class ids `(B,)` or rows `B x K`"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    x: Tensor, y: Tensor, progress: float, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        augmenter(spec=PHOTOS, mix=DEIT)(x, y, progress)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_need_to_know_how_images_look() -> None:
    with pytest.raises(InputError, match="uint8 images need `input=ImageSpec"):
        augmenter()(photos(dtype=torch.uint8), labels())


def test_transforms_need_to_know_how_images_look() -> None:
    policy = Policy(transform=Transform(batch=(Shift(),)))
    with pytest.raises(InputError, match=r"this policy works on pixels \(shift\): give `input=ImageSpec"):
        policy.build(num_classes=10)


def test_one_class_only() -> None:
    with pytest.raises(InputError, match="`num_classes` must be at least 2, but got 1"):
        Policy().build(num_classes=1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ((3, (8, 8), (0.5,), (0.5, 0.5, 0.5)), "one number a channel, but got 1 and 3 for 3 channels"),
        ((1, (8, 8), (0.5,), (0.0,)), "`std` must be above 0"),
    ],
)
def test_image_specs_that_make_no_sense(fields: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ImageSpec(*fields)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_batches_of_any_length(count: int, per: str) -> None:
    x, targets = augmenter(spec=DIGITS, mix={**DEIT, "per": per})(photos(count)[:, :1], labels(count))
    assert x.shape == (count, 1, 8, 11)
    torch.testing.assert_close(targets.sum(1), torch.ones(count))


def test_an_exported_policy_knows_how_its_images_look() -> None:
    data = {"channels": 1, "size": [8, 10], "mean": [0.25], "std": [0.5]}
    flip = Policy(transform={"batch": [{"kind": "hflip", "probability": 1.0}]}, provenance={"data": data})
    x = torch.rand(4, 1, 8, 10)
    mixed, _ = flip.build(num_classes=3)(x, torch.tensor([0, 1, 2, 0]))
    assert torch.allclose(mixed, (x.flip(-1) - 0.25) / 0.5)


def test_without_transforms_images_are_taken_as_they_come() -> None:
    data = {"channels": 1, "size": [8, 10], "mean": [0.25], "std": [0.5]}
    x = torch.rand(4, 1, 8, 10)
    mixed, _ = Policy(provenance={"data": data}).build(num_classes=3)(x, torch.tensor([0, 1, 2, 0]))
    assert torch.equal(mixed, x)


def test_bytes_are_normalised_as_in_the_search() -> None:
    data = {"channels": 1, "size": [8, 10], "mean": [0.25], "std": [0.5]}
    x = torch.randint(0, 256, (4, 1, 8, 10), dtype=torch.uint8)
    mixed, _ = Policy(provenance={"data": data}).build(num_classes=3)(x, torch.tensor([0, 1, 2, 0]))
    assert torch.allclose(mixed, (x / 255 - 0.25) / 0.5, atol=1e-6)


def test_going_back_to_a_state_forgets_what_came_after_it() -> None:
    policy = {"mix": {"kind": "recursivemix", "largest_area": 1.0}}
    built, start = augmenter(**policy), augmenter(**policy).state_dict()
    built(photos(), labels())
    assert built.state_dict()["memory"]
    built.load_state_dict(start)
    assert not built.state_dict()["memory"]
    x, _ = built(photos(), labels())
    assert torch.equal(x, photos())
