"""The JSON for albumentations, read by the library itself."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
from policies_to_export import policy_of, searched

from automix_search.policy.exporters import exporter
from automix_search.randomness import Randomness
from automix_search.transforms.geometry import affine_matrices, warp

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def library():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
        return pytest.importorskip("albumentations")


def tree_of(policy):
    exported = exporter("albumentations").export(policy)
    return json.loads(exported.text), [omission.path for omission in exported.left_out]


def image(height=8, width=8):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_crops_and_flips_come_as_often_as_ours(library):
    batch = [{"kind": "random_crop", "padding": 1, "fill": 0.4}, {"kind": "hflip"}]
    policy = searched(data={"size": [8, 10]}, transform={"batch": batch})
    tree, left_out = tree_of(policy)
    assert left_out == []
    pipeline = library.from_dict(tree)
    pipeline.set_random_seed(0)
    values, count = image(8, 10), 1500
    theirs = Counter(pipeline(image=values)["image"].tobytes() for _ in range(count))
    pixels = torch.from_numpy(values).permute(2, 0, 1).expand(count, -1, -1, -1)
    random = Randomness(torch.Generator().manual_seed(0))
    for step in policy.transform.batch:
        pixels = step(pixels, 0.0, random)
    ours = Counter(each.permute(1, 2, 0).contiguous().numpy().tobytes() for each in pixels)
    assert theirs.keys() == ours.keys()
    assert all(abs(theirs[each] - ours[each]) < 3.3 * (2 * count * 0.25) ** 0.5 for each in ours)


def test_a_crop_with_a_probability_is_one_step_of_two(library):
    batch = [{"kind": "random_crop", "padding": 1, "probability": 0.7}]
    exported = exporter("albumentations").export(searched(transform={"batch": batch}))
    (step,) = json.loads(exported.text)["transform"]["transforms"]
    assert (step["p"], [each["p"] for each in step["transforms"]]) == (0.7, [1, 1])
    assert "give it none" in exported.remarks[0]
    assert library.from_dict(json.loads(exported.text))(image=image())["image"].shape == (8, 8, 3)


def test_a_turn_and_a_change_of_size_are_ours(library):
    step = {"kind": "affine", "degrees": 30, "translate": 0, "scale": 0.2}
    tree, left_out = tree_of(policy_of(transform={"batch": [step]}))
    assert left_out == []
    (fields,) = tree["transform"]["transforms"]
    assert (fields["rotate"], fields["scale"]["x"]) == ([-30, 30], [0.8, 1.2])
    fields.update(rotate=[20, 20], scale={"x": [0.9, 0.9], "y": [0.9, 0.9]})
    rows, columns = np.mgrid[:16, :24]
    smooth = np.stack([8 * rows + 4 * columns, 200 - 6 * columns, 100 + 5 * rows], -1).astype(np.uint8)
    theirs = library.from_dict(tree)(image=smooth)["image"]
    zero, pixels = torch.zeros(1), torch.from_numpy(smooth).permute(2, 0, 1)[None]
    apart = [
        np.abs(theirs.astype(int) - _turned(pixels, angle, zero).astype(int)).mean() for angle in (-20, 20)
    ]
    assert min(apart) < 1
    assert max(apart) > 10


def _turned(pixels, degrees, zero):
    angle = torch.tensor([float(degrees)]).deg2rad()
    matrices = affine_matrices(angle, zero, zero, zero + 0.9, zero, zero)
    return warp(pixels, matrices, "bilinear")[0].permute(1, 2, 0).numpy()


def test_all_that_is_written_nearly_is_read_too(library):
    batch = [
        {"kind": "cutout"},
        {"kind": "random_erasing", "probability": 1.0},
        {"kind": "affine", "shear": 5},
    ]
    load = [{"kind": "resized_crop", "size": 12}, {"kind": "resize", "height": 10, "width": 12}]
    tree, left_out = tree_of(policy_of(transform={"load": load, "batch": batch}))
    assert left_out == [
        "transform.load[0].interpolation", "transform.load[1].interpolation", "transform.batch[0]",
        "transform.batch[1]", "transform.batch[2].translate", "transform.batch[2].shear",
    ]  # fmt: skip
    found = library.from_dict(tree)(image=image(20, 30))["image"]
    assert (found.shape, found.dtype) == ((10, 12, 3), np.uint8)
