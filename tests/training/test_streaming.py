"""Picture files that are read while training, with load transforms of the policy's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bars import assignment, policy, recipe, trainer
from PIL import Image
from torch import nn

from automix_search.errors import InputError
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.factory import trainer_from_objects

CROPPED = policy(transform={"load": [{"kind": "resized_crop", "size": 12}]}, mix={"kind": "cutmix"})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for label in range(3):
        (tmp_path / "pictures" / f"class {label}").mkdir(parents=True)
        for number in range(14):
            pixels = (random.integers(0, 80, (16, 20)) + 60 * label).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / f"class {label}" / f"{number}.png")
    return tmp_path / "pictures"


def streaming(folder: Path, **changes: Any) -> ClassificationTrainer:
    source = {"kind": "image_folder", "folder": str(folder), "size": [12, 12], "channels": 1, "workers": 0}
    chosen = recipe(data=source | {"memory_gb": 0}, **changes)
    return trainer_from_objects(pooling_network, None, recipe=chosen)


def pooling_network(num_classes: int) -> nn.Module:
    body = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    return nn.Sequential(*body, nn.Linear(16, num_classes))


def test_trains_and_goes_on_exactly(pictures: Path, tmp_path: Path) -> None:
    job = assignment(CROPPED, checkpoint=tmp_path / "checkpoint.pt", checkpoint_every_s=0.0, test=True)
    whole = list(streaming(pictures).train(assignment(CROPPED, test=True)))
    next(iter(streaming(pictures).train(job)))
    assert list(streaming(pictures).train(job)) == whole
    assert "test_accuracy" in whole[-1]


def test_the_policys_load_transforms_count(pictures: Path) -> None:
    one = streaming(pictures)
    plain = policy(
        transform={"load": [{"kind": "resize", "height": 12, "width": 12}]}, mix={"kind": "cutmix"}
    )
    assert list(one.train(assignment(CROPPED))) != list(one.train(assignment(plain)))


def test_images_in_memory_take_no_load_transforms() -> None:
    with pytest.raises(InputError, match="load transforms work on picture files"):
        next(iter(trainer().train(assignment(CROPPED))))
