"""Finding one's way in a model: its classifier, its last feature map, its stages and layers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from pydantic import StrictInt
from torch import Tensor, nn

from automix_search.errors import InputError, nearest

Layer = StrictInt | str
"""A layer of a model: 0 is the input, 1, 2, ... what its stages give, -1 the last; or the name of a module."""


def classifier(model: nn.Module) -> nn.Linear:
    """The linear layer that gives the logits.

    Raises:
        InputError: The model ends otherwise.
    """
    find: Any = getattr(model, "get_classifier", None)
    last = find() if callable(find) else None
    if not isinstance(last, nn.Linear):
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        last = linear[-1] if linear else None
    if last is None:
        raise InputError(f"a {type(model).__name__} has no linear classifier to look at")
    return last


class LastMap:
    """The last map that a model pools: `N x F x h x w`, `N x h x w x F`, or tokens `N x T x F`.

    Of all outputs with places it is the last one; one as wide as the classifier counts for more than another,
    and one of many places for more than what is left of it after pooling.
    """

    def __init__(self, model: nn.Module) -> None:
        self.prefix = int(getattr(model, "num_prefix_tokens", 0))
        self.width = classifier(model).in_features
        self.output: Tensor | None = None
        self._rank = (False, False)

    def watch(self, output: Any) -> None:
        """Keep an output if it is a better candidate than the one before."""
        if not isinstance(output, Tensor) or output.ndim not in (3, 4):
            return
        feature_axes = (1, 3) if output.ndim == 4 else (2,)
        fits = any(output.shape[axis] == self.width for axis in feature_axes)
        places = output[0].numel() // self.width if fits else output.shape[2:].numel()
        rank = (fits, places > 1)
        if rank >= self._rank:
            self.output, self._rank = output, rank

    def features(self, size: tuple[int, int]) -> Float[Tensor, "N F h w"]:
        """The map, for images of `size` (height, width).

        Raises:
            InputError: The model has no output with places.
        """
        if self.output is None:
            raise InputError(
                "no module of the model gives a feature map `N x F x h x w` or tokens `N x T x F`"
            )
        if self.output.ndim == 4:
            last = self.output.shape[1] != self.width == self.output.shape[3]
            return self.output.permute(0, 3, 1, 2) if last else self.output
        tokens = self.output[:, self.prefix :]
        rows = round((tokens.shape[1] * size[0] / size[1]) ** 0.5)
        return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[2], rows, -1)


@contextmanager
def watched_map(model: nn.Module) -> Iterator[LastMap]:
    """Catch the last feature map of whatever runs through `model` in this context."""
    last = LastMap(model)
    handles = [
        module.register_forward_hook(lambda _, __, output: last.watch(output))
        for module in model.modules()
        if module is not model
    ]
    try:
        yield last
    finally:
        for handle in handles:
            handle.remove()


def stages(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules that end a stage: timm's stages without the stem, its blocks, or what has parameters.

    Raises:
        InputError: The model has no stages.
    """
    modules = dict(plain(model).named_modules())
    known = [item.get("module") for item in getattr(model, "feature_info", ()) or ()]
    found = [name for name in dict.fromkeys(known) if name]
    if found and all(name in modules for name in found):
        return tuple(_last_called(modules, name) for name in _without_stem(found))
    for name in ("blocks", "stages", "layers", "features"):
        if isinstance(modules.get(name), nn.Sequential | nn.ModuleList):
            return tuple(
                _last_called(modules, f"{name}.{child}") for child, _ in modules[name].named_children()
            )
    children = [
        name for name, child in plain(model).named_children() if any(True for _ in child.parameters())
    ]
    if len(children) < 2:
        raise InputError(f"a {type(plain(model)).__name__} has no stages whose features could be mixed")
    return tuple(children[:-1])


def _without_stem(names: list[str]) -> list[str]:
    """The names without the first, if it is not called like the second but for its numbers: `act1` before `layer1`."""
    first, second = (re.sub(r"\d+", "", name) for name in (names * 2)[:2])
    return names if first == second else names[1:]


def _last_called(modules: dict[str, nn.Module], name: str) -> str:
    """The name itself, or of the last in it where it is a list of modules, which is never called."""
    while isinstance(modules[name], nn.ModuleList):
        name = f"{name}.{len(modules[name]) - 1}"  # type: ignore[arg-type]
    return name


def layer_name(layer: Layer, names: Sequence[str]) -> str:
    """The name of the module that gives a layer, which is not the input.

    Args:
        layer: A number or a name.
        names: The model's stages.

    Raises:
        InputError: There are not so many stages.
    """
    if isinstance(layer, str):
        return layer
    if not 1 <= abs(layer) <= len(names):
        listed = ", ".join(f"{number} (`{name}`)" for number, name in enumerate(names, 1))
        raise InputError(f"the model has no layer {layer} to mix: 0 is the input, its stages are {listed}")
    return names[layer - 1 if layer > 0 else layer]


def module_named(model: nn.Module, name: str) -> nn.Module:
    """A module of a model by its name.

    Raises:
        InputError: There is none of this name.
    """
    try:
        return plain(model).get_submodule(name)
    except AttributeError:
        guess = nearest(name, (known for known, _ in plain(model).named_modules()))
    hint = f"; did you mean `{guess}`?" if guess else ""
    raise InputError(
        f"a {type(plain(model)).__name__} has no layer `{name}` whose features could be mixed{hint}"
    )


def plain(model: nn.Module) -> nn.Module:
    """The model that `torch.compile` made another one of, or the model itself."""
    return getattr(model, "_orig_mod", model)


def uncompiled() -> AbstractContextManager[object]:
    """Run models eagerly in this context: one that is compiled does not see hooks that came later."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance
