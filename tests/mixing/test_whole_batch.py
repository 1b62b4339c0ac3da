"""Methods that mix whole batches only, in a switch that decides for each sample."""

from collections import Counter
from typing import Any

import pytest
import torch
from stepped import policy_of
from torch import Generator, Tensor, nn

from automix_search.families import kind_of
from automix_search.mixing import MIXERS, MixedBatch, Switch
from automix_search.mixing.hidden.manifoldmix import ManifoldMix
from automix_search.mixing.switch import Option
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.signals import run
from automix_search.testing.mixers import pictures, recomposed
from automix_search.testing.signals import GivenSignals

WHOLE = [member for member in MIXERS.members if member.whole_batch]
MIXUP = {"method": {"kind": "mixup", "alpha": 0.8}}
CUTMIX = {"method": {"kind": "cutmix"}}
MANIFOLD = {"method": {"kind": "manifoldmix", "layers": [1]}}
PATCHUP = {"method": {"kind": "patchup", "layers": [2, "second"]}}


def switch(*options: dict[str, object], **fields: object) -> Switch:
    return Switch.model_validate(
        {"options": options, "per": "sample", "partner": {"kind": "derangement"}, **fields}
    )


def mixed(chosen: Switch, images: Tensor, random: Randomness) -> MixedBatch:
    return chosen.mix(images, 0.0, random, GivenSignals(images))


def kinds(batch: MixedBatch, images: Tensor) -> list[str]:
    """By which method each item was mixed: told by a hidden layer, by the weights and by the pixels."""
    if batch.hidden is not None:
        return [batch.hidden.layer] * len(images)
    own, partner = images[batch.sources[:, 0]], images[batch.sources[:, -1]]
    pasted = ((batch.inputs == own) | (batch.inputs == partner)).flatten(1).all(1)
    same = (batch.inputs == own).flatten(1).all(1)
    return [
        "none" if equal else "cutmix" if paste else "mixup"
        for equal, paste in zip(same.tolist(), pasted.tolist(), strict=True)
    ]


def test_each_method_mixes_as_many_samples_as_its_weight_says() -> None:
    """Within four standard deviations; samples of a batch count as one where a whole batch is mixed.

    Of what is mixed (0.9), mixup has 2 parts of 8, CutMix 1, the first layer 3, the second and the third 1 each.
    """
    chosen = switch(
        {"weight": 2, **MIXUP},
        {"weight": 3, **MANIFOLD},
        {"weight": 1, **CUTMIX},
        {"weight": 2, **PATCHUP},
        probability=0.9,
    )
    images, random, batches = pictures((8, 1, 16, 22)), Randomness(Generator().manual_seed(3)), 1200
    seen = Counter(kind for _ in range(batches) for kind in kinds(mixed(chosen, images, random), images))
    # A box of CutMix may be empty: with a share above 1 - (2 / 16)^2.
    empty = 0.9 / 8 * (2 / 16) ** 2
    wanted = {"mixup": 2, "stem": 3, "first": 1, "second": 1, "cutmix": 1}
    for kind, parts in wanted.items():
        share = 0.9 * parts / 8 - (empty if kind == "cutmix" else 0)
        tolerance = 4 * (share * (1 - share) / batches) ** 0.5
        assert seen[kind] / (8 * batches) == pytest.approx(share, abs=tolerance), kind
    assert seen["none"] / (8 * batches) == pytest.approx(0.1 + empty, abs=4 * (0.09 / batches) ** 0.5)


def test_samples_beside_a_whole_batch_are_as_independent_as_ever() -> None:
    """Given that no whole batch was mixed, two methods share the samples of each batch."""
    chosen = switch({"weight": 1, **MIXUP}, {"weight": 1, **CUTMIX}, {"weight": 2, **MANIFOLD})
    images, random = pictures((200, 1, 12, 17)), Randomness(Generator().manual_seed(5))
    counts = [Counter(kinds(mixed(chosen, images, random), images)) for _ in range(40)]
    whole = [count for count in counts if "stem" in count]
    assert 8 < len(whole) < 32
    assert all(count == Counter({"stem": 200}) for count in whole)
    for count in counts:
        if count not in whole:
            assert count["mixup"] == pytest.approx(100, abs=30)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_nothing_is_mixed_twice(per: str) -> None:
    """Either the inputs are mixed as their weights say, or they are as they were and a layer will be."""
    chosen = switch(MIXUP, CUTMIX, MANIFOLD, PATCHUP, {"method": {"kind": "alignmix"}}, per=per)
    images, random = pictures((6, 3, 12, 17)), Randomness(Generator().manual_seed(2))
    hidden = 0
    for _ in range(60):
        batch = mixed(chosen, images, random)
        torch.testing.assert_close(batch.inputs, recomposed(images, batch))
        if batch.hidden is not None:
            hidden += 1
            assert torch.equal(batch.inputs, images)
            assert torch.equal(batch.targets(torch.eye(6)), torch.eye(6))
    assert 20 < hidden < 50


@pytest.mark.parametrize("member", WHOLE, ids=kind_of)
def test_every_such_method_beside_another(member: Any) -> None:
    """Each has whole batches, half of them."""
    assert len(WHOLE) >= 3
    method = member(layers=(1,)) if "layers" in member.model_fields else member()
    chosen = switch(MIXUP).model_copy(
        update={"options": (Option(method=method), Option(method=ManifoldMix(layers=("other",))))}
    )
    images, random = pictures((6, 3, 12, 17)), Randomness(Generator().manual_seed(2))
    batches = [mixed(chosen, images, random) for _ in range(60)]
    others = [batch for batch in batches if batch.hidden is not None and batch.hidden.layer == "other"]
    assert 15 < len(others) < 45
    assert all(batch.weights.sum(1).allclose(torch.ones(len(batch.weights))) for batch in batches)


def test_draws_are_per_sample_at_a_layer_too() -> None:
    images = pictures((6, 3, 12, 17))
    for per, alike in (("batch", True), ("sample", False)):
        batch = mixed(switch(MANIFOLD, per=per), images, Randomness(Generator().manual_seed(1)))
        assert batch.hidden is not None
        _, weights = batch.hidden.change(pictures((6, 5)))
        assert bool((weights == weights[0]).all()) is alike


def test_the_clean_pass_of_a_loss_is_not_mixed() -> None:
    """RegMixup: the loss of the clean batch and that of the mixed one, of which only the second is mixed inside."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 17, 8), nn.Linear(8, 8), nn.Linear(8, 6))
    tree = policy_of(ManifoldMix(layers=(1,)), partner={"kind": "roll"}) | {
        "loss": {"kind": "regmixup", "eta": 0.7, "reduction": "sum"}
    }
    chosen = Policy.model_validate(tree)
    images, labels = pictures((6, 3, 12, 17)), torch.arange(6)
    augment = chosen.build(num_classes=6, model=model, generator=Generator().manual_seed(4))
    found = augment.loss(model, images, labels)
    batch = mixed(chosen.mix, images, Randomness(Generator().manual_seed(4)))
    assert batch.hidden is not None
    outcome = run(model, images, type(batch.hidden)("1", batch.hidden.change))
    assert outcome.weights is not None
    targets = outcome.weights[:, :1] * torch.eye(6) + outcome.weights[:, 1:] * torch.eye(6).roll(1, 0)
    cross_entropy = nn.functional.cross_entropy
    clean, inside = cross_entropy(model(images), labels), cross_entropy(outcome.logits, targets)
    torch.testing.assert_close(found, clean + 0.7 * inside)
