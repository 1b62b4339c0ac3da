"""Starting weights: from either kind of file, wrapped or not; a fresh classifier; and what does not fit."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model, load_weights


def model(classes: int = 5, width: int = 4) -> nn.Module:
    return build_model(
        ModelSpec(name="tiny_cnn", options={"width": width}), channels=1, size=(8, 8), num_classes=classes
    )


def save(path: Path, classes: int = 5, wrap: str | None = None, prefix: str = "") -> nn.Module:
    source = model(classes)
    weights = {prefix + name: value for name, value in source.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights if wrap is None else {wrap: weights, "epoch": 3}, path)
    return source


@pytest.mark.parametrize(
    ("name", "wrap", "prefix"),
    [
        ("w.safetensors", None, ""),
        ("w.pt", None, ""),
        ("w.pth", "state_dict", ""),
        ("w.pt", "model", "module."),
        ("w.pt", "model_ema", ""),
    ],
)
def test_weights_arrive_whole(tmp_path: Path, name: str, wrap: str | None, prefix: str) -> None:
    source, target = save(tmp_path / name, wrap=wrap, prefix=prefix), model()
    assert load_weights(target, tmp_path / name) == []
    for one, other in zip(source.state_dict().values(), target.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_classifier_of_other_classes_stays_fresh(tmp_path: Path) -> None:
    source, target = save(tmp_path / "w.pt", classes=9), model(5)
    before = target.state_dict()["3.linear.weight"].clone()
    assert load_weights(target, tmp_path / "w.pt") == ["3.linear.bias", "3.linear.weight"]
    assert torch.equal(target.state_dict()["3.linear.weight"], before)
    assert torch.equal(target.state_dict()["0.0.weight"], source.state_dict()["0.0.weight"])


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "w.pt")
    with pytest.raises(
        InputError, match=r"w.pt does not fit the model: 0.0.weight is 4 x 1 x 3 x 3 and should be 8 x"
    ):
        load_weights(model(width=8), tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"0.weight is missing, .* and \d+ more"):
        load_weights(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), tmp_path / "w.pt")


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"there is no file of weights {tmp_path / 'w.pt'}"):
        load_weights(model(), tmp_path / "w.pt")
    for name in ("w.pt", "w.safetensors"):
        save(tmp_path / name)
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(InputError, match=rf"{name} \(100 bytes\) cannot be read as weights"):
            load_weights(model(), path)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, ("boom",)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"weight": Bomb()}, path)
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_weights(model(), path)
    path.write_bytes(pickle.dumps(Bomb(), protocol=2))
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_weights(model(), path)


def test_a_file_must_hold_tensors_by_name(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w.pt must hold tensors by name"):
        load_weights(model(), tmp_path / "w.pt")
