"""The picture of what a policy has learned."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from automix_search.errors import InputError
from automix_search.report.learned import draw_learned, groups

HISTORY = [
    {
        "progress": step / 4,
        "curriculum": {"share": step / 4},
        "probability": {f"operation {number}": number / 10 + step / 40 for number in range(8)},
    }
    for step in range(5)
]


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_groups_come_in_their_order():
    assert groups(HISTORY) == ["curriculum", "probability"]


def test_a_curve_that_rises_is_drawn_otherwise_than_one_that_falls():
    falling = [{**moment, "curriculum": {"share": 1 - moment["progress"]}} for moment in HISTORY]
    first, second = opened(draw_learned("a policy", HISTORY)), opened(draw_learned("a policy", falling))
    assert first.shape == second.shape
    assert (first != second).any()


def test_pictures_stand_below_the_numbers():
    red = torch.zeros(3, 3, 8, 8)
    red[:, 0] = 1
    with_pictures = opened(draw_learned("a policy", HISTORY, [(0.0, red), (1.0, red)]))
    without = opened(draw_learned("a policy", HISTORY))
    assert len(with_pictures) > len(without)
    is_red = (with_pictures == [255, 0, 0]).all(2)
    assert is_red.sum() > 1000
    assert not is_red[: len(without) // 2].any()


def test_grey_pictures_and_a_single_moment():
    content = draw_learned("a policy", HISTORY[:1], [(0.5, torch.rand(2, 1, 8, 8))])
    assert opened(content).size > 0


def test_numbers_that_come_late_or_never_leave_no_gap():
    late = [{"progress": 0.0, "share": {}, "never": {}}, {"progress": 0.5, "share": {"a": 1.0}}]
    late.append({"progress": 1.0, "share": {}})
    assert groups(late) == ["share"]
    assert opened(draw_learned("a policy", late)).size


def test_a_policy_that_tells_nothing_and_shows_nothing_cannot_be_drawn():
    with pytest.raises(InputError, match="nothing to draw"):
        draw_learned("a policy", [{"progress": 0.0}, {"progress": 1.0, "share": {}}])
