"""`automix-search gallery` draws what the methods do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from automix_search.cli.app import app
from automix_search.data.digits import Digits
from automix_search.data.photos import Photos
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.mixing import MIXERS
from automix_search.report.gallery import exhibits


def test_every_method_and_transform_is_shown_on_the_same_pictures() -> None:
    shown = list(exhibits(Digits().load(), (), pairs=2))
    titles = [exhibit.title for exhibit in shown]
    assert titles[:2] == ["own", "partner"]
    assert {kind_of(member) for member in MIXERS.members} - {"none"} <= set(titles)
    assert {"hflip", "trivial_augment"} <= set(titles)
    own = shown[0].pictures
    for exhibit in shown:
        assert len(exhibit.pictures) == 2
        assert all(picture.pixels.shape == own[0].pixels.shape for picture in exhibit.pictures)
        assert all(
            0 <= float(picture.pixels.min()) <= float(picture.pixels.max()) <= 1
            for picture in exhibit.pictures
        )


def test_pictures_and_labels_are_what_the_method_makes() -> None:
    own, partner, mixed = exhibits(Photos().load(), ("mixup",), pairs=2)
    for first, second, item in zip(own.pictures, partner.pictures, mixed.pictures, strict=True):
        share = float("0" + item.lines[0].removeprefix("own share "))
        blend = share * first.pixels + (1 - share) * second.pixels
        torch.testing.assert_close(item.pixels, blend, atol=0.011, rtol=0)
        assert f"{first.lines[0].split()[0]} {item.lines[0].split()[-1]}" in item.lines[1]


def test_a_history_is_the_partners() -> None:
    """What RecursiveMix pastes comes from another picture."""
    own, _, mixed = exhibits(Photos().load(), ("recursivemix",), pairs=3)
    for first, item in zip(own.pictures, mixed.pictures, strict=True):
        assert not torch.equal(first.pixels, item.pixels)
        assert len(item.lines[1].split(",")) == 2


def test_the_command_writes_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "some.png"
    result = CliRunner().invoke(
        app, ["gallery", "--methods", "cutmix, hflip", "--pairs", "2", "-o", str(file)]
    )
    assert result.exit_code == 0, result.output
    sheet = np.asarray(Image.open(file))
    assert sheet.ndim == 3
    assert sheet.std() > 20
    assert f"{sheet.shape[1]} x {sheet.shape[0]} pixels" in result.output.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--methods", "cutmi"], "did you mean `cutmix`"),
        (["--data", "photo"], "--data` also takes a data set: "),
        (["-o", "nowhere/some.png", "--methods", "mixup"], "cannot write nowhere/some.png"),
    ],
)
def test_mistakes(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["gallery", *arguments])
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)


def test_too_few_pictures() -> None:
    with pytest.raises(InputError, match="no 200 pairs of different classes"):
        list(exhibits(Photos().load(), (), pairs=200))
