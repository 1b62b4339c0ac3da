"""Arguments of timm's training script, read by its own names."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch
from PIL import Image
from policies_to_export import policy_of, searched
from timm.data.transforms_factory import create_transform

from automix_search.policy.exporters import exporter

NUMBERS = {"nargs": "+", "type": float}
PARSED = {
    **{name: {"type": float} for name in ("mixup", "cutmix", "mixup-prob", "mixup-switch-prob", "smoothing")},
    **{name: {"type": float} for name in ("hflip", "color-jitter", "reprob", "crop-pct")},
    **{name: {"type": int} for name in ("mixup-off-epoch", "epochs", "recount", "img-size")},
    **{name: {"type": str} for name in ("mixup-mode", "aa", "remode", "train-interpolation")},
    **dict.fromkeys(("cutmix-minmax", "scale", "ratio"), NUMBERS),
    "input-size": {"nargs": 3, "type": int},
    **{name: {"action": "store_true"} for name in ("bce-loss", "no-aug")},
}


def read(policy):
    """The arguments as `train.py` reads them: by name, with its types; unknown ones are errors."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, how in PARSED.items():
        parser.add_argument(f"--{name}", **how)
    text = exporter("timm").export(policy).text
    return parser.parse_args(" ".join(line for line in text.splitlines() if line[0] != "#").split())


def training(policy):
    """timm's transform of pictures from the exported arguments."""
    args = read(policy)
    size = tuple(args.input_size) if args.input_size else (3, args.img_size, args.img_size)
    given = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "no_aug": args.no_aug, "is_training": True}
    if not args.no_aug:
        given |= {
            "scale": args.scale,
            "ratio": args.ratio,
            "hflip": args.hflip,
            "color_jitter": args.color_jitter,
            "interpolation": args.train_interpolation,
            "auto_augment": args.aa,
        }
    return create_transform(size, **given)


def picture(height=8, width=8):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values), torch.from_numpy(values).permute(2, 0, 1) / 255


def test_weights_become_the_two_chances():
    options = [
        {"weight": 1, "method": {"kind": "mixup", "alpha": 0.8}},
        {"weight": 2, "method": {"kind": "cutmix", "alpha": 0.6}},
        {"weight": 1, "method": {"kind": "none"}},
    ]
    mix = {
        "kind": "switch",
        "options": options,
        "probability": 0.8,
        "partner": {"kind": "flip"},
        "per": "sample",
    }
    args = read(policy_of(mix=mix, loss={"kind": "binary_cross_entropy", "smoothing": 0.1}))
    assert (args.mixup, args.cutmix, args.smoothing, args.bce_loss) == (0.8, 0.6, 0.1, True)
    assert args.mixup_prob == pytest.approx(0.6)
    assert args.mixup_switch_prob == pytest.approx(2 / 3)
    assert args.mixup_mode == "elem"


def test_a_method_of_alpha_0_and_one_without_weight_mix_nothing():
    options = [
        {"weight": 3, "method": {"kind": "mixup", "alpha": 0}},
        {"weight": 0, "method": {"kind": "fmix"}},
        {"weight": 1, "method": {"kind": "cutmix_minmax", "smallest": 0.2, "largest": 0.7}},
    ]
    policy = policy_of(mix={"kind": "switch", "options": options, "partner": {"kind": "flip"}})
    args = read(policy)
    assert exporter("timm").export(policy).left_out == ()
    assert (args.mixup, args.mixup_prob, args.mixup_switch_prob) == (0.0, 0.25, 1.0)
    assert args.cutmix_minmax == [0.2, 0.7]


def test_a_second_mixup_of_another_alpha_is_left_out():
    options = [{"weight": 1, "method": {"kind": "mixup", "alpha": alpha}} for alpha in (0.2, 0.2, 1.0)]
    exported = exporter("timm").export(
        policy_of(mix={"kind": "switch", "options": options, "partner": {"kind": "flip"}})
    )
    assert [omission.path for omission in exported.left_out] == ["mix.options[2].method"]
    assert "--mixup-prob 0.666666666667\n" in exported.text


@pytest.mark.parametrize(("stop", "last", "remarks"), [(0.9, 18, 0), (0.88, 18, 1), (1.0, None, 0)])
def test_mixing_ends_with_an_epoch(stop, last, remarks):
    mix = {"kind": "mixup", "partner": {"kind": "flip"}, "schedule": {"kind": "until", "stop": stop}}
    policy = searched(mix=mix)
    assert read(policy).mixup_off_epoch == last
    exported = exporter("timm").export(policy)
    assert exported.left_out == ()
    assert sum("mixing ends" in remark for remark in exported.remarks) == remarks
    without = exporter("timm").export(policy_of(mix=mix))
    assert [omission.path for omission in without.left_out] == (["mix.schedule"] if last else [])


def test_without_transforms_pictures_stay_as_they_are():
    image, pixels = picture(8, 12)
    policy = searched(data={"size": [8, 12]})
    assert exporter("timm").export(policy).left_out == ()
    assert torch.allclose(training(policy)(image), pixels)


@pytest.mark.parametrize("probability", [0.001, 1.0])
def test_a_flip_is_all_that_is_done(probability):
    image, pixels = picture()
    policy = searched(transform={"batch": [{"kind": "hflip", "probability": probability}]})
    torch.manual_seed(0)
    assert torch.allclose(training(policy)(image), pixels.flip(-1) if probability == 1 else pixels)


def test_pictures_that_are_not_square_cannot_stay_whole():
    policy = searched(data={"size": [8, 12]}, transform={"batch": [{"kind": "hflip"}]})
    assert [omission.path for omission in exporter("timm").export(policy).left_out] == [
        "provenance.data.size"
    ]


def test_a_crop_while_reading():
    load = {"kind": "resized_crop", "size": 160, "smallest": 0.25, "stretch": 1.5, "evaluation_share": 0.9}
    args = read(policy_of(transform={"load": [load]}))
    assert (args.img_size, args.scale, args.ratio) == (160, [0.25, 1.0], [pytest.approx(2 / 3), 1.5])
    assert (args.train_interpolation, args.crop_pct, args.hflip, args.color_jitter) == ("bicubic", 0.9, 0, 0)


def test_erasing_to_the_mean_and_its_order():
    erasing = {"kind": "random_erasing", "fill": "constant", "brightness": 0.5, "probability": 0.3}
    policy = searched(transform={"batch": [{"kind": "hflip"}, erasing]})
    assert exporter("timm").export(policy).left_out == ()
    args = read(policy)
    assert (args.reprob, args.remode, args.recount) == (0.3, "const", 1)
    for changed, path in (
        ({"brightness": 0.4}, "brightness"), ({"fill": "pixel"}, "fill"), ({"count": 2}, "count"),
        ({"largest": 0.5}, "largest"),
    ):  # fmt: skip
        other = searched(transform={"batch": [{**erasing, **changed}]})
        found = [omission.path for omission in exporter("timm").export(other).left_out]
        assert found == [f"transform.batch[0].{path}"]
    wrong = searched(transform={"batch": [erasing, {"kind": "hflip"}]})
    assert [omission.path for omission in exporter("timm").export(wrong).left_out] == ["transform.batch[1]"]


def test_the_nearest_rand_augment_is_one_that_timm_reads():
    step = {"kind": "rand_augment", "magnitude": 27, "magnitude_std": 1.5, "operation_probability": 0.5}
    policy = searched(transform={"batch": [step]})
    assert read(policy).aa == "rand-m9-n2-p0.5-mstd0.5-inc1"
    (ours,) = [each for each in training(policy).transforms if type(each).__name__ == "RandAugment"]
    assert (ours.num_layers, ours.ops[0].magnitude, ours.ops[0].magnitude_std, ours.ops[0].prob) == (
        2,
        9,
        0.5,
        0.5,
    )
