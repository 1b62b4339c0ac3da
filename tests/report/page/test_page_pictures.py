"""Pictures of the winning policy, and what it learned."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from automix_search.documents import parse_yaml
from automix_search.policy import Policy, read_policy, save_policy
from automix_search.report.page import learned as learning
from automix_search.report.page.learned import chart_of
from automix_search.report.page.pictures import (
    as_address,
    augmented,
    labelled,
    looked_at,
    pictures,
    sees_more,
)
from automix_search.report.page.winner import own_data, policy_of, stand_in

FORMAT = "format: automix-search/policy/1\n"


def policy(text: str) -> Policy:
    return read_policy(parse_yaml(FORMAT + text, "policy.yaml"))


class Folder:
    """As much of a run's material as pictures look at."""

    def __init__(self, path: Path, recipe: dict | None = None, **data: object) -> None:
        self.run = type("Run", (), {"policy": path / "policy.yaml"})
        self.recipe = recipe or {}
        self.about = {"data": data}


def pixels(address: str) -> np.ndarray:
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture(scope="module")
def digits():
    return stand_in(Folder(Path(), channels=1))


def test_a_picture_is_a_png_with_its_levels():
    grey = torch.tensor([[[0.0, 1.0], [0.5, 0.2]]])
    assert pixels(as_address(grey)).tolist() == [[[0] * 3, [255] * 3], [[128] * 3, [51] * 3]]
    assert pixels(as_address(torch.rand(3, 400, 200))).shape == (160, 80, 3)


def test_labels_are_told_with_their_shares():
    names = ("cat", "dog", "eel")
    assert labelled(torch.tensor([0.1, 0.65, 0.25]), names) == "dog 65%, eel 25%"
    assert labelled(torch.tensor([0.99, 0.005, 0.005]), names) == "cat"


def test_no_augmentation_leaves_pictures_as_they_are(digits):
    rows = augmented(Policy(), digits)
    assert [title for title, _ in rows] == ["as they are", "at the start", "half way", "at the end"]
    first, *others = [[(each.source, each.text) for each in row] for _, row in rows]
    assert all(other == first for other in others)


def test_a_schedule_shows_at_its_time(digits):
    late = policy("mix: {kind: mixup, alpha: 1.0, schedule: {kind: from, start: 0.8}}\n")
    plain, start, half, end = [row for _, row in augmented(late, digits)]
    assert plain == start == half
    assert plain != end
    assert any("," in picture.text for picture in end)


def test_methods_that_look_into_a_model_are_shown_one_by_one(digits):
    seeing = policy("transform: {batch: [{kind: hflip}]}\nmix: {kind: manifoldmix}\n")
    assert sees_more(seeing)
    rows = looked_at(seeing, digits)
    assert [title.split()[0] for title, _ in rows] == ["own", "partner", "hflip", "manifoldmix"]


def test_the_runs_own_data_is_taken_where_it_is_the_same(tmp_path, digits):
    recipe = {"data": {"kind": "digits"}}
    assert own_data(Folder(tmp_path, recipe, digest=digits.digest)).digest == digits.digest
    assert own_data(Folder(tmp_path, recipe, digest="another")) is None
    assert own_data(Folder(tmp_path, {"data": {"kind": "npz", "path": "gone.npz"}}, digest="1")) is None
    assert stand_in(Folder(tmp_path, channels=3)).info.channels == 3


def test_the_caption_says_whose_pictures_they_are(tmp_path, digits):
    save_policy(policy("mix: {kind: cutmix}\n"), tmp_path / "policy.yaml")
    own = pictures(Folder(tmp_path, {"data": {"kind": "digits"}}, digest=digits.digest, channels=1))
    other = pictures(Folder(tmp_path, channels=1))
    assert "the run's own training data" in own.parts[0].caption
    assert "digits, for the run's own data is not at hand" in other.parts[0].caption
    assert policy_of(Folder(tmp_path / "nowhere")) is None
    assert pictures(Folder(tmp_path / "nowhere")) is None


def test_few_numbers_are_lines_and_many_a_map():
    history = [{"progress": step / 4, "few": {"a": step, "b": 1.0}} for step in range(5)]
    for moment in history:
        moment["many"] = {f"operation {place}": place * moment["progress"] for place in range(8)}
    lines, heat = chart_of("few", history), chart_of("many", history)
    assert [(trace.type, list(trace.y)) for trace in lines.figure.data] == [
        ("scatter", [0, 1, 2, 3, 4]),
        ("scatter", [1] * 5),
    ]
    assert lines.caption.endswith("a moved most: from 0 to 4.")
    (trace,) = heat.figure.data
    assert trace.type == "heatmap"
    assert list(trace.z[7]) == [0, 1.75, 3.5, 5.25, 7]


def test_a_policy_that_learns_nothing_has_no_section(tmp_path):
    save_policy(Policy(), tmp_path / "policy.yaml")
    assert learning.learned(Folder(tmp_path)) is None
