"""Tables of sub-policies: the same as the transform that they are written down as."""

import pytest
import torch
from torch import Generator

from automix_search.learned.sub_policy_table import apply_rows, as_transform, draw_rows, usage
from automix_search.randomness import Randomness
from automix_search.transforms.operations import Names
from automix_search.transforms.sub_policies import SubPolicies

NAMES: Names = ("rotate", "invert", "color", "posterize")
TABLE = torch.tensor(
    [
        [[0, 0.5, 0.25], [1, 1.0, 0.0]],
        [[2, 0.75, 1.0], [3, 0.5, 0.5]],
        [[3, 1.0, 0.75], [0, 0.25, 1.0]],
    ]
)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_does_what_the_transform_that_is_written_down_does(dtype):
    images = torch.randint(256, (40, 3, 9, 12), generator=Generator().manual_seed(0), dtype=torch.uint8)
    pixels = images if dtype == torch.uint8 else images / 255
    random = Randomness(Generator().manual_seed(1))
    found = apply_rows(pixels, TABLE, draw_rows(TABLE, 40, random), NAMES, random)
    written = SubPolicies.model_validate(as_transform(TABLE, NAMES))
    assert torch.equal(found, written(pixels, 0.5, Randomness(Generator().manual_seed(1))))
    assert not torch.equal(found, pixels)


def test_tells_how_often_and_how_strongly_operations_are_applied():
    record = usage(TABLE, NAMES)
    times = {"rotate": 0.75 / 3, "invert": 1 / 3, "color": 0.75 / 3, "posterize": 1.5 / 3}
    assert record["probability"] == pytest.approx(times)
    strengths = {"rotate": (0.125 + 0.25) / 0.75, "invert": 0, "color": 1, "posterize": 1 / 1.5}
    assert record["magnitude"] == pytest.approx(strengths)


def test_an_empty_table_applies_nothing():
    assert set(usage(TABLE[:0], NAMES)["probability"].values()) == {0}
