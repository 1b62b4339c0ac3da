"""The code for torchvision, executed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from policies_to_export import policy_of

from automix_search.policy.exporters import exporter
from automix_search.randomness import Randomness
from automix_search.transforms import LoadStage

COUNT = 600
IMAGE = torch.randint(0, 256, (3, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def names_of(policy):
    """What the exported module holds."""
    exported = exporter("torchvision").export(policy)
    assert exported.left_out == ()
    names = {}
    exec(compile(exported.text, "exported", "exec"), names)
    return names


def both(step):
    """Many draws of a transform, by the exported code and by ours: `COUNT x C x H x W` each."""
    policy = policy_of(transform={"batch": [step]})
    theirs = names_of(policy)["training_transform"]((5, 7))
    torch.manual_seed(1)
    drawn = torch.stack([theirs(IMAGE) for _ in range(COUNT)])
    (transform,) = policy.transform.batch
    ours = transform(IMAGE.expand(COUNT, -1, -1, -1), 0.0, Randomness(torch.Generator().manual_seed(2)))
    return drawn, ours


def outcomes(images):
    return Counter(image.numpy().tobytes() for image in images)


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "hflip", "probability": 0.3},
        {"kind": "random_crop", "padding": 1, "fill": 0.5},
        {"kind": "random_crop", "padding": 1, "mode": "reflect", "probability": 0.4},
    ],
)
def test_outcomes_and_how_often_they_come_are_ours(step):
    theirs, ours = map(outcomes, both(step))
    assert theirs.keys() == ours.keys()
    assert len(ours) >= 2
    for outcome, count in ours.items():
        assert abs(theirs[outcome] - count) < 3.3 * (2 * COUNT * 0.25) ** 0.5


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "affine", "degrees": 30, "translate": 0, "scale": 0.2, "shear": 10},
        {
            "kind": "random_erasing",
            "probability": 0.6,
            "fill": "constant",
            "brightness": 0.9,
            "narrowest": 0.5,
        },
        {"kind": "rand_augment", "num_ops": 2, "magnitude": 12},
        {"kind": "trivial_augment", "probability": 0.5},
        {"kind": "auto_augment", "policy": "cifar10"},
    ],
)
def test_means_and_spreads_of_pixels_are_ours(step):
    theirs, ours = (images.float() for images in both(step))
    spread = ours.std(0) + 1
    assert ((theirs.mean(0) - ours.mean(0)) / spread).abs().max() < 4.5 * (2 / COUNT) ** 0.5
    assert (theirs.std(0).mean() / ours.std(0).mean()).item() == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize(
    "load",
    [
        {"kind": "resized_crop", "size": 12, "smallest": 0.3, "stretch": 1.5, "evaluation_share": 0.8},
        {"kind": "resize", "height": 9, "width": 13, "interpolation": "bilinear"},
    ],
)
def test_pictures_are_read_alike_in_training_and_evaluation(load):
    policy = policy_of(transform={"load": [load]})
    names = names_of(policy)
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for train, name in ((True, "training_transform"), (False, "evaluation_transform")):
        torch.manual_seed(3)
        ours = LoadStage(policy.transform.load, train)(Image.fromarray(values))
        torch.manual_seed(3)
        theirs = names[name]()(Image.fromarray(values))
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("kind", ["soft_cross_entropy", "binary_cross_entropy"])
def test_without_mixing_the_loss_is_ours(kind):
    policy = policy_of(loss={"kind": kind, "smoothing": 0.2})
    names, labels, logits = names_of(policy), torch.tensor([0, 2, 1]), torch.randn(3, 4)
    images, targets = names["mix_batch"](torch.randn(3, 1, 2, 3), labels, 4)
    assert torch.allclose(
        names["criterion"](logits, targets), policy.loss.compare(logits, policy.loss.encode(labels, 4))
    )
    assert images.shape == (3, 1, 2, 3)
