"""Starting weights from a local file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.models.efficientnet_lite import with_timm_names

_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
_SHOWN = 3


def load_weights(model: nn.Module, file: Path | str) -> list[str]:
    """Put the weights of a file into a model.

    A classifier for another number of classes keeps its fresh weights; all others must fit.

    Args:
        model: The model, changed in place.
        file: A `.safetensors` file, or a `.pt`/`.pth` file of tensors; nothing in it is executed.

    Returns:
        Names of the weights that were left as they are.

    Raises:
        InputError: The file is missing or damaged, or its weights are those of another model.
    """
    wanted = model.state_dict()
    held = with_timm_names(_unwrap(_read(Path(file).expanduser()), file), wanted)
    fresh = {name for name in _classifier(model) if name in held and held[name].shape != wanted[name].shape}
    fitting = {name: value for name, value in held.items() if name not in fresh}
    _check(fitting, {name: value for name, value in wanted.items() if name not in fresh}, file)
    model.load_state_dict(fitting, strict=False)
    return sorted(fresh)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"there is no file of weights {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        RuntimeError,
        EOFError,
        KeyError,
        ValueError,
        OSError,
        pickle.UnpicklingError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path} ({path.stat().st_size} bytes) cannot be read as weights: {reason}"
        ) from None


def _unwrap(tree: Any, file: Path | str) -> dict[str, Tensor]:
    """The tensors by name, without what training scripts and parallel training wrap around them."""
    while isinstance(tree, Mapping) and (key := next((key for key in _WRAPPERS if key in tree), None)):
        tree = tree[key]
    if not isinstance(tree, Mapping) or not all(isinstance(value, Tensor) for value in tree.values()):
        raise InputError(f"{file} must hold tensors by name, as a model's `state_dict()` does")
    return {name.removeprefix("module."): value for name, value in tree.items()}


def _classifier(model: nn.Module) -> list[str]:
    """Names of the weights of the last linear layer."""
    layers = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return [f"{layers[-1]}.weight", f"{layers[-1]}.bias"] if layers else []


def _check(held: Mapping[str, Tensor], wanted: Mapping[str, Tensor], file: Path | str) -> None:
    differing = [
        f"{name} is {_shape(held[name])} and should be {_shape(value)}"
        for name, value in wanted.items()
        if name in held and held[name].shape != value.shape
    ]
    absent = [f"{name} is missing" for name in wanted if name not in held]
    unknown = [f"{name} is unknown" for name in held if name not in wanted]
    findings = [*differing, *absent, *unknown]
    if findings:
        more = f" and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        raise InputError(f"{file} does not fit the model: {', '.join(findings[:_SHOWN])}{more}")


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a number"
