"""The switch: how often, by which method, with whom; for a batch and for each sample."""

from collections import Counter

import pytest
import torch
from pydantic import ValidationError
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Switch
from automix_search.mixing.switch import as_switch
from automix_search.randomness import Randomness
from automix_search.testing.mixers import pictures, recomposed

MIXUP = {"method": {"kind": "mixup", "alpha": 0.8}}
CUTMIX = {"method": {"kind": "cutmix"}}
FMIX = {"method": {"kind": "fmix"}}
NONE = {"method": {"kind": "none"}}


def switch(*options: dict[str, object], **fields: object) -> Switch:
    return Switch.model_validate({"options": options, **fields})


def mixed(chosen: Switch, images: Tensor, seed: int = 0, progress: float = 0.0) -> MixedBatch:
    return chosen.mix(images, progress, Randomness(Generator().manual_seed(seed)))


def changed(batch: MixedBatch, images: Tensor) -> Tensor:
    """Which items differ from their own sample."""
    return (batch.inputs != images).flatten(1).any(1)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_nothing_is_mixed_at_probability_zero(per: str) -> None:
    images = pictures((6, 3, 8, 11))
    for chosen in (switch(CUTMIX, per=per, probability=0), switch(NONE, per=per)):
        batch = mixed(chosen, images)
        assert torch.equal(batch.inputs, images)
        assert torch.equal(batch.targets(torch.eye(6)), torch.eye(6))
        assert batch.mask is None


@pytest.mark.parametrize("options", [(MIXUP, CUTMIX), (MIXUP, NONE), (CUTMIX, FMIX, MIXUP, NONE)], ids=len)
@pytest.mark.parametrize("shape", [(64, 3, 8, 11), (5, 1, 7, 9), (1, 3, 8, 8)], ids=str)
def test_samples_by_methods_of_their_own(
    options: tuple[dict[str, object], ...], shape: tuple[int, ...]
) -> None:
    """Each item is what its mask, sources and weights say, and partners come from the batch as it was."""
    images = pictures(shape)
    batch = mixed(switch(*options, per="sample", probability=0.8), images)
    torch.testing.assert_close(batch.inputs, recomposed(images, batch))
    torch.testing.assert_close(batch.weights.sum(1), torch.ones(len(images)))
    assert torch.equal(batch.sources[:, 0], torch.arange(len(images)))
    if batch.mask is not None:
        torch.testing.assert_close(batch.mask.mean((1, 2, 3)), batch.weights[:, 0])


def test_a_sample_that_is_not_mixed_stays_bit_for_bit() -> None:
    images = pictures((200, 1, 6, 9))
    batch = mixed(
        switch(MIXUP, CUTMIX, per="sample", probability=0.5, partner={"kind": "derangement"}), images
    )
    alone = batch.weights[:, 0] == 1
    assert 60 < alone.sum() < 140
    assert torch.equal(batch.inputs[alone], images[alone])
    assert changed(batch, images)[~alone].all()


def test_no_method_with_masks_no_mask() -> None:
    assert mixed(switch(MIXUP, NONE, per="sample"), pictures((8, 3, 6, 9))).mask is None


def test_partners_are_shared_by_all_methods() -> None:
    images = pictures((30, 3, 6, 9))
    batch = mixed(switch(MIXUP, CUTMIX, FMIX, per="sample", partner={"kind": "flip"}), images)
    assert torch.equal(batch.sources[:, 1], torch.arange(29, -1, -1))


def kind_of_item(image: Tensor, own: Tensor, partner: Tensor) -> str:
    if torch.equal(image, own):
        return "none"
    return "cutmix" if ((image == own) | (image == partner)).all() else "mixup"


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_how_often_each_method_is_chosen(per: str) -> None:
    """Nothing 0.4, mixup 0.6 * 0.25, cutmix 0.6 * 0.75; within five standard errors of 2,000 choices."""
    chosen = switch(
        {"weight": 1, **MIXUP}, {"weight": 3, **CUTMIX}, per=per, probability=0.6, partner={"kind": "flip"}
    )
    images = pictures((2 if per == "batch" else 2000, 1, 16, 16))
    random = Randomness(Generator().manual_seed(8))
    seen: Counter[str] = Counter()
    for _ in range(2000 if per == "batch" else 1):
        batch = chosen.mix(images, 0.0, random)
        items = range(1) if per == "batch" else range(2000)
        seen.update(kind_of_item(batch.inputs[i], images[i], images[-1 - i]) for i in items)
    # A box of CutMix may be empty: with a share above 1 - (2 / 16)^2.
    empty = 0.45 * (2 / 16) ** 2
    assert seen["mixup"] / 2000 == pytest.approx(0.15, abs=0.04)
    assert seen["cutmix"] / 2000 == pytest.approx(0.45 - empty, abs=0.055)
    assert seen["none"] / 2000 == pytest.approx(0.4 + empty, abs=0.055)


def test_an_option_of_weight_zero_is_never_chosen() -> None:
    images = pictures((400, 1, 6, 9))
    batch = mixed(
        switch({"weight": 0, **MIXUP}, CUTMIX, NONE, per="sample", partner={"kind": "roll"}), images
    )
    kinds = {kind_of_item(batch.inputs[i], images[i], images[i - 1]) for i in range(400)}
    assert kinds == {"cutmix", "none"}


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_same_seed_same_mix(per: str) -> None:
    images = pictures((16, 3, 8, 11))
    before = images.clone()
    chosen = switch(MIXUP, CUTMIX, FMIX, NONE, per=per, probability=0.9)
    first, second, other = (mixed(chosen, images, seed) for seed in (1, 1, 2))
    assert torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.targets(torch.eye(16)), second.targets(torch.eye(16)))
    assert not torch.equal(first.inputs, other.inputs)
    assert torch.equal(images, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_samples_keep_dtype_and_memory_format(dtype: torch.dtype) -> None:
    images = pictures((16, 3, 8, 11), dtype).to(memory_format=torch.channels_last)
    batch = mixed(switch(MIXUP, CUTMIX, FMIX, NONE, {"method": {"kind": "resizemix"}}, per="sample"), images)
    assert batch.inputs.dtype == dtype
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert batch.weights.dtype == torch.float32


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_after_the_stop_the_batch_is_bit_identical(per: str) -> None:
    images = pictures((16, 3, 8, 11))
    chosen = switch(MIXUP, per=per, schedule={"kind": "until", "stop": 0.6}, partner={"kind": "derangement"})
    assert changed(mixed(chosen, images, progress=0.599), images).all()
    for progress in (0.6, 0.8, 1.0):
        assert torch.equal(mixed(chosen, images, progress=progress).inputs, images)


@pytest.mark.parametrize(
    ("schedule", "integral"),
    [
        ({"kind": "constant"}, 1.0),
        ({"kind": "until", "stop": 0.3}, 0.3),
        ({"kind": "ramp", "low": 0.2, "high": 0.8, "start": 0.25, "stop": 0.5}, 0.05 + 0.125 + 0.4),
        ({"kind": "ramp", "low": 1.0, "high": 0.0}, 0.5),
    ],
)
def test_mixed_batches_over_a_training(schedule: dict[str, object], integral: float) -> None:
    """Their number is the integral of the schedule, within four standard deviations of 2,000 steps."""
    chosen = switch(MIXUP, probability=0.7, schedule=schedule, partner={"kind": "roll"})
    images, random, steps = pictures((2, 1, 2, 3)), Randomness(Generator().manual_seed(6)), 2000
    count = sum(
        changed(chosen.mix(images, step / steps, random), images).any().item() for step in range(steps)
    )
    wanted = 0.7 * integral
    assert count / steps == pytest.approx(wanted, abs=4 * (wanted * (1 - wanted) / steps) ** 0.5 + 1 / steps)


def test_no_stop_is_plain_mixup() -> None:
    images = pictures((6, 3, 8, 11))
    plain, until = switch(MIXUP), switch(MIXUP, schedule={"kind": "until", "stop": 1.0})
    for progress in (0.0, 0.5, 1.0):
        first, second = mixed(plain, images, 3, progress), mixed(until, images, 3, progress)
        assert torch.equal(first.inputs, second.inputs)


def test_weights_that_sum_to_zero() -> None:
    with pytest.raises(ValidationError, match="at least one option must have a weight above 0"):
        switch({"weight": 0, **MIXUP}, {"weight": 0, **CUTMIX})


def test_weights_whose_sum_is_not_finite() -> None:
    with pytest.raises(ValidationError, match="the sum of the weights must be finite"):
        switch({"weight": 1e308, **MIXUP}, {"weight": 1e308, **CUTMIX})


def test_a_bare_method_is_a_switch_with_one_option() -> None:
    tree = as_switch({"kind": "cutmix", "alpha": 0.3, "per": "sample", "probability": 0.4})
    assert Switch.model_validate(tree) == switch(
        {"method": {"kind": "cutmix", "alpha": 0.3}}, per="sample", probability=0.4
    )
