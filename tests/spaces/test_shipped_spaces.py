"""The spaces in `search_spaces/`."""

import random
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

from automix_search.documents import parse_yaml, read_yaml
from automix_search.learned import LEARNED
from automix_search.models import ModelSpec, build_model
from automix_search.policy import ImageSpec
from automix_search.spaces import dump_space, load_space, read_space
from automix_search.spaces.json_schema import space_schema
from automix_search.training.recipe import Recipe

FILES = sorted(Path(__file__).parents[2].glob("search_spaces/*.yaml"))


def test_there_are_some():
    assert {path.stem for path in FILES} >= {
        "quick",
        "cnn-static",
        "cnn-full",
        "vit",
        "cheap",
        "calibration",
        "mnist-affine",
        "learned",
        "rand-augment",
        "trivial-augment",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_reads_and_is_called_after_its_file(path):
    source = load_space(path, settings=Recipe())
    assert source.name == path.stem
    assert not source.is_point
    assert read_space(parse_yaml(dump_space(source), "resolved.yaml"), settings=Recipe()) == source
    Draft202012Validator(space_schema()).validate(read_yaml(path).tree)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_begins_with_words_for_who_copies_it(path):
    assert len([line for line in path.read_text().splitlines() if line.startswith("# ")]) >= 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_policies_run(path):
    source = load_space(path, settings=Recipe())
    generator = random.Random(0)
    spec = ImageSpec(1, (16, 24), (0.3,), (0.4,))
    images, labels = (
        torch.randint(0, 256, (6, 1, 16, 24), dtype=torch.uint8),
        torch.tensor([0, 1, 2, 0, 1, 2]),
    )
    model = build_model(ModelSpec(name="tiny_vit"), channels=1, size=(16, 24), num_classes=3)
    for _ in range(24):
        policy = source.fill(source.random_params(generator)).policy
        seeded = torch.Generator().manual_seed(1)
        augment = policy.build(num_classes=3, input=spec, model=model, generator=seeded)
        augment.begin_epoch(0.2)
        loss = augment.loss(model, images, labels, progress=0.2, index=torch.arange(6))
        assert loss.isfinite()
        loss.backward()


def test_the_space_of_learned_policies_needs_no_teacher_and_holds_what_the_guide_counts():
    (path,) = (path for path in FILES if path.stem == "learned")
    kinds = [tree["kind"] for tree in read_yaml(path).tree["learned"]["choice"].values() if tree is not None]
    assert not any(LEARNED.kinds()[kind].uses_teacher for kind in kinds)
    assert {"faster_auto_augment", "dada"} <= set(kinds)
    assert len(set(kinds)) == len(kinds) == 11
    guide = path.parents[1] / "docs" / "guides" / "learned.md"
    assert "`learned` has eleven that need no teacher" in guide.read_text()


def test_the_quick_space_can_leave_everything_alone():
    point = {
        "transform.batch.affine.degrees": 0.0,
        "transform.batch.affine.translate": 0.0,
        "mix": "none",
        "loss.smoothing": 0.0,
    }
    images = torch.randint(0, 256, (5, 1, 8, 10), dtype=torch.uint8)
    policy = load_space(FILES[0].with_name("quick.yaml")).fill(point).policy
    augment = policy.build(num_classes=2, input=ImageSpec(1, (8, 10), (0.0,), (1.0,)))
    inputs, _ = augment(images, torch.tensor([0, 1, 0, 1, 0]), progress=0.5)
    torch.testing.assert_close(inputs, images / 255, atol=1 / 255, rtol=0)
