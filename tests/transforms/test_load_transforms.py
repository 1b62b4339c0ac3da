"""Load transforms: one size out of any picture, random in training and fixed in evaluation."""

from __future__ import annotations

import pickle
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.policy import Policy, read_policy
from automix_search.transforms import (
    LOAD_TRANSFORMS,
    AbstractLoadTransform,
    LoadStage,
    PictureFunction,
    stage_size,
)
from automix_search.transforms.resize import Resize, ResizedCrop


def noise(height: int, width: int, mode: str = "RGB") -> Image.Image:
    """A picture of noise."""
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def ramp(height: int, width: int) -> Image.Image:
    """A picture whose first two channels are the row and the column of the pixel."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack((rows, columns, 0 * rows), axis=-1).astype(np.uint8))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("member", LOAD_TRANSFORMS.members, ids=kind_of)
class TestEveryMember:
    @pytest.mark.parametrize("size", [(40, 30), (30, 40), (300, 20), (1, 1), (230, 260)], ids=str)
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_gives_the_size_that_it_says(
        self, member: type[AbstractLoadTransform], train: bool, size: tuple[int, int], mode: str
    ) -> None:
        transform = member()
        out = transform.build(train)(noise(*size, mode))
        assert (out.height, out.width) == transform.output_size
        assert out.mode == mode

    def test_can_be_sent_to_a_worker(self, member: type[AbstractLoadTransform], train: bool) -> None:
        function = pickle.loads(pickle.dumps(LoadStage([member()], train)))
        torch.manual_seed(0)
        expected = member().build(train)(noise(40, 30))
        torch.manual_seed(0)
        assert function(noise(40, 30)) == expected

    def test_does_not_write_to_the_picture(self, member: type[AbstractLoadTransform], train: bool) -> None:
        picture = noise(40, 30)
        member().build(train)(picture)
        assert picture == noise(40, 30)


class TestResizedCrop:
    def test_training_draws_and_evaluation_does_not(self) -> None:
        crop = ResizedCrop(size=16)
        train, evaluate = crop.build(True), crop.build(False)
        assert train(noise(40, 30)) != train(noise(40, 30))
        assert evaluate(noise(40, 30)) == evaluate(noise(40, 30))

    def test_areas_and_shapes_are_as_drawn(self) -> None:
        torch.manual_seed(0)
        crop = ResizedCrop(size=32, smallest=0.25, stretch=1.5, interpolation="bilinear").build(True)
        areas, shapes = [], []
        for _ in range(300):
            pixels = np.asarray(crop(ramp(120, 200)), dtype=float)
            height, width = (np.ptp(pixels[..., axis]) + 1 for axis in (0, 1))
            areas.append(height * width / (120 * 200))
            shapes.append(width / height)
        assert 0.2 < min(areas) < 0.3
        assert max(areas) > 0.7
        assert 1 / 1.6 < min(shapes) < 0.75
        assert 1.35 < max(shapes) < 1.6

    def test_evaluation_sees_the_centre(self) -> None:
        evaluate = ResizedCrop(size=112, interpolation="bilinear").build(False)
        pixels = np.asarray(evaluate(ramp(128, 200)), dtype=float)
        assert (pixels[0, 0, 0], pixels[-1, -1, 0]) == (8, 119)
        assert (pixels[0, 0, 1], pixels[-1, -1, 1]) == (44, 155)

    def test_evaluation_of_all_of_the_shorter_side(self) -> None:
        evaluate = ResizedCrop(size=64, evaluation_share=1.0).build(False)
        pixels = np.asarray(evaluate(ramp(64, 100)), dtype=float)
        assert (pixels[0, 0, 0], pixels[-1, -1, 0]) == (0, 63)


def test_resize_is_the_same_in_training_and_evaluation() -> None:
    resize = Resize(height=12, width=20)
    assert resize.build(True)(noise(40, 30)) == resize.build(False)(noise(40, 30))


class Mirrored(AbstractLoadTransform):
    """A transform that keeps the size of what it gets."""

    kind: Literal["mirrored"] = "mirrored"

    @property
    def output_size(self) -> None:
        return None

    def build(self, train: bool) -> PictureFunction:
        return ImageOps.mirror


class TestStage:
    def test_transforms_come_one_after_the_other(self) -> None:
        stage = (ResizedCrop(size=16), Resize(height=12, width=20))
        assert stage_size(stage) == (12, 20)
        out = LoadStage(stage, train=True)(noise(40, 30))
        assert (out.height, out.width) == (12, 20)

    def test_without_one_size_at_its_end(self) -> None:
        for stage in ((), (Mirrored(),)):
            with pytest.raises(InputError, match="must end in a transform to one size"):
                stage_size(stage)
        assert stage_size((Mirrored(), Resize(height=12, width=20))) == (12, 20)


def policy_with(transform: dict[str, object]) -> Policy:
    """A policy with a `transform:` as it would stand in a file."""
    return read_policy(Document({"format": "automix-search/policy/1", "transform": transform}, "policy.yaml"))


@pytest.mark.parametrize(
    ("transform", "sentence"),
    [
        ({"batch": [{"kind": "trivialaugment"}]}, "did you mean `trivial_augment`"),
        ({"batch": [{"kind": "random_crop", "padding": -1}]}, "padding.*greater than or equal to 0"),
        ({"batch": [{"kind": "rand_augment", "magnitude": 31}]}, "magnitude.*30"),
        ({"batch": [{"kind": "rand_augment", "magnitud": 3}]}, "magnitude"),
        ({"batch": [{"kind": "affine", "scale": 1.0}]}, "scale.*less than 1"),
        ({"load": [{"kind": "resized_crop", "interpolation": "cubic"}]}, "interpolation.*bicubic"),
        ({"load": [{"kind": "resize", "height": 0}]}, "height.*greater than or equal to 1"),
    ],
)
def test_bad_input_gets_a_sentence(transform: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        policy_with(transform)


def test_a_policy_of_all_transforms_is_read_and_written() -> None:
    transform = {
        "load": [{"kind": "resized_crop", "size": 128}],
        "batch": [
            {"kind": kind} for kind in ("random_crop", "hflip", "affine", "rand_augment", "trivial_augment")
        ],
    }
    policy = policy_with(transform)
    assert Policy.model_validate(policy.model_dump(mode="json")) == policy
