"""Finding one's way in a model: its classifier, its last feature map, its stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from automix_search.errors import InputError


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
    """Names of the modules that end a stage, from the input on: timm's stages, its blocks, or the children.

    Raises:
        InputError: The model has no stages.
    """
    known = [item["module"] for item in getattr(model, "feature_info", ()) or () if "module" in item]
    modules = dict(model.named_modules())
    if known and all(name in modules for name in known):
        return tuple(dict.fromkeys(known))
    for name in ("blocks", "stages", "layers", "features"):
        if isinstance(modules.get(name), nn.Sequential | nn.ModuleList):
            return tuple(f"{name}.{child}" for child, _ in modules[name].named_children())
    children = [name for name, _ in model.named_children()]
    if len(children) < 2:
        raise InputError(f"a {type(model).__name__} has no stages whose features could be mixed")
    return tuple(children[:-1])
