"""One forward pass over a mixed batch: hidden features mixed on the way, attention caught.

Axes: N items, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.signals.attention import Attention, watched_attention
from automix_search.signals.layers import LastMap, module_named, uncompiled, watched_map

Change = Callable[[Shaped[Tensor, "N *features"]], tuple[Shaped[Tensor, "N *features"], Float[Tensor, "N m"]]]


@dataclass(frozen=True)
class HiddenMix:
    """A mixing of hidden features, to be done while the model runs.

    Attributes:
        layer: Name of the module whose output is mixed.
        change: The output's change; gives the mixed output and the weights of every item's sources.
    """

    layer: str
    change: Change


@dataclass(frozen=True)
class Outcome:
    """What a model made of a mixed batch.

    Attributes:
        logits: With their graph.
        weights: Of every item's sources, where hidden features were mixed; else None.
        attention: Of all blocks, detached; None unless it was asked for.
        features: The last feature map with its graph; None unless it was asked for.
    """

    logits: Float[Tensor, "N K"]
    weights: Float[Tensor, "N m"] | None = None
    attention: Attention | None = None
    features: Float[Tensor, "N F h w"] | None = None


def run(
    model: nn.Module,
    inputs: Tensor,
    hidden: HiddenMix | None = None,
    *,
    attention: bool = False,
    features: bool = False,
) -> Outcome:
    """Run a model on a mixed batch; no hook is left behind.

    A compiled model runs eagerly where something is mixed or caught on the way.

    Args:
        model: The model, in the mode that it is to run in.
        inputs: `N x C x *spatial`.
        hidden: What is mixed on the way.
        attention: Whether to catch the attention of all blocks.
        features: Whether to catch the last feature map.

    Raises:
        InputError: The model has no such layer, the layer gives no row for each image, or there is no attention.
    """
    seen: Attention | None = None
    last: LastMap | None = None
    weights: list[Tensor] = []
    with ExitStack() as hooks:
        if attention:
            seen = hooks.enter_context(watched_attention(model, inputs))
        if features:
            last = hooks.enter_context(watched_map(model))
        if hidden is not None:
            hooks.callback(_mix_at(model, hidden, len(inputs), weights))
        if attention or features or hidden is not None:
            hooks.enter_context(uncompiled())
        logits = model(inputs)
    if hidden is not None and not weights:
        raise InputError(f"the layer `{hidden.layer}` cannot be mixed: it does not run when the model does")
    size = (inputs.shape[-2], inputs.shape[-1])
    return Outcome(
        logits, weights[0] if weights else None, seen, None if last is None else last.features(size)
    )


def _mix_at(model: nn.Module, hidden: HiddenMix, count: int, weights: list[Tensor]) -> Callable[[], None]:
    """Mix what the layer gives for `count` images the first time it runs; returns what takes the hook away."""

    def mix(_: nn.Module, __: object, output: object) -> object:
        if weights:
            return output
        if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != count:
            shape = tuple(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
            raise InputError(
                f"the layer `{hidden.layer}` cannot be mixed: it gives {shape} and not a row for each of {count} images"
            )
        mixed, share = hidden.change(output)
        weights.append(share)
        return mixed

    return module_named(model, hidden.layer).register_forward_hook(mix).remove
