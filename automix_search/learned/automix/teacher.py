"""The network that a mix block looks with: the model, followed slowly.

Axes: B images, C channels, H x W pixels, F features, h x w places, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from automix_search.errors import InputError
from automix_search.learned.context import Pixels, Setting
from automix_search.learned.trunk import Looker, Trunk
from automix_search.mixing.hidden.layout import Layout
from automix_search.signals import Layer, layer_name
from automix_search.signals.layers import module_named, plain, stages, uncompiled

FEWEST = 4
"""Places along the shorter side of a map that a layer is to have that nobody named."""


class _ReachedError(Exception):
    """The layer has run; what comes after it is not needed."""


class Teacher(nn.Module):
    """A moving average of the model's weights, which gives features of a layer, and logits.

    It is never trained: gradients go through it to what is mixed, and to none of its weights. While a policy learns,
    its batch norms take the statistics of the batch, and gather their own from clean images; those of the model belong
    to other weights. Frozen it uses what they gathered. Dropout is off.

    Args:
        trunk: Which network it is, for a policy that was learned before; None copies the model.
        setting: Where the policy learns.
        layer: The layer whose features are looked at; None takes the last stage but one, or the next before it that has
            at least 4 x 4 places.
        resolution: Side of the images that it looks at, as a part of theirs.
        learns: Whether the policy learns.

    Raises:
        InputError: The model has no such layer, the layer gives no map of places, or the model takes no such images.
    """

    def __init__(
        self, trunk: Trunk | None, setting: Setting, layer: Layer | None, resolution: float, learns: bool
    ) -> None:
        super().__init__()
        self.looker = Looker(trunk, setting)
        self.resolution = resolution
        network = self.looker.network
        self._norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        self._learns = False
        if layer is None:
            candidates = (stages(network)[:-1] or stages(network))[::-1]
        else:
            candidates = (layer if isinstance(layer, str) else layer_name(layer, stages(network)),)
        self.features = self._probed(candidates, setting.device)
        self._learns = learns

    def _probed(self, candidates: Sequence[str], device: torch.device) -> int:
        """Choose the first layer with places enough, or the last; the length of its features, F."""
        images = self.scaled(torch.zeros(2, self.looker.images.channels, *self.looker.images.size).to(device))
        for self.layer in candidates:
            try:
                with torch.autocast(device.type, enabled=False):
                    maps = self.maps(images)
            except (RuntimeError, AssertionError, ValueError) as error:
                if self.resolution == 1:
                    raise
                height, width = images.shape[-2:]
                reason = str(error).splitlines()[0]
                raise InputError(
                    f"the model cannot look at images of {height} x {width} pixels; `resolution: 1` leaves them at "
                    f"their size ({reason})"
                ) from None
            if min(maps.shape[2:]) >= FEWEST:
                break
        if maps[0, 0].numel() == 1:
            raise self._no_map(tuple(maps.shape))
        return maps.shape[1]

    def prepared(self, pixels: Pixels) -> Float[Tensor, "B C h w"]:
        """Any pixels as it looks at them."""
        return self.scaled(self.looker.prepared(pixels))

    def scaled(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """Normalised images at the resolution that it looks at."""
        if self.resolution == 1:
            return images
        size = [max(round(side * self.resolution), 1) for side in images.shape[-2:]]
        return functional.interpolate(images, size, mode="bilinear", antialias=True)

    @torch.no_grad()
    def maps(self, images: Float[Tensor, "B C H W"], gather: bool = True) -> Float[Tensor, "B F h w"]:
        """The layer's features; nothing after it runs."""
        return self._watched(images, gather, stop=True)[0]

    @torch.no_grad()
    def look(self, images: Float[Tensor, "B C H W"]) -> tuple[Tensor, Float[Tensor, "B K"]]:
        """The layer's features, `B x F x h x w`, and the logits, in one pass."""
        return self._watched(images, gather=True, stop=False)

    def logits(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Logits of mixed images, with a graph to the images."""
        with self._statistics(gather=False), uncompiled():
            logits: Tensor = self.looker.network(images)
        return logits.float()

    @torch.no_grad()
    def follow(self, model: nn.Module, rate: float) -> None:
        """Go a part of the way to the model's weights; 0 stays, 1 takes them over."""
        move = get_ema_multi_avg_fn(1 - rate)  # type: ignore[no-untyped-call]
        move(list(self.looker.network.parameters()), [one.detach() for one in model.parameters()], None)

    def _watched(self, images: Tensor, gather: bool, stop: bool) -> tuple[Tensor, Tensor]:
        """Features of the layer, and logits; without logits where it stops at the layer."""
        caught: list[Tensor] = []
        logits = images.new_empty(0)

        def catch(_: nn.Module, __: object, output: Tensor) -> None:
            caught.append(output if stop else output.clone())
            if stop:
                raise _ReachedError

        handle = module_named(self.looker.network, self.layer).register_forward_hook(catch)
        try:
            with self._statistics(gather), uncompiled():
                logits = self.looker.network(images).float()
        except _ReachedError:
            pass
        finally:
            handle.remove()
        return self._as_map(caught, (images.shape[-2], images.shape[-1])), logits

    def _as_map(self, caught: list[Tensor], size: tuple[int, int]) -> Float[Tensor, "B F h w"]:
        """What the layer gave for images of `size`, float32, as maps: tokens before the places are left out."""
        output = caught[0] if caught else None
        if not isinstance(output, Tensor) or output.ndim not in (3, 4):
            raise self._no_map(tuple(output.shape) if isinstance(output, Tensor) else "no tensor")
        layout = Layout.of(output, size)
        if output.ndim == 4:
            return output.float().movedim(layout.axis, 1)
        if min(layout.grid) == 1 < min(size):
            raise self._no_map(tuple(output.shape))
        places = layout.rows(output.float())[:, layout.prefix :]
        return places.mT.reshape(len(output), -1, *layout.grid)

    def _no_map(self, found: tuple[int, ...] | str) -> InputError:
        return InputError(
            f"`layer` must be one that gives features at several places, N x F x h x w or tokens N x T x F, but "
            f"`{self.layer}` gives {found}; its stages are {', '.join(stages(self.looker.network))}"
        )

    @contextmanager
    def _statistics(self, gather: bool) -> Iterator[None]:
        """Run with the statistics of the batch, and gather them or not; where nothing is learned, with its own."""
        tracked = [norm.track_running_stats for norm in self._norms]
        for norm, tracks in zip(self._norms, tracked, strict=True):
            norm.training = self._learns
            norm.track_running_stats = tracks and (gather or not self._learns)
        try:
            yield
        finally:
            for norm, tracks in zip(self._norms, tracked, strict=True):
                norm.training, norm.track_running_stats = False, tracks


def check_follows(teacher: Teacher, model: nn.Module) -> None:
    """See that the teacher can follow the model.

    Raises:
        InputError: They are of different kinds.
    """
    own = [tuple(one.shape) for one in teacher.looker.network.parameters()]
    if own != [tuple(one.shape) for one in plain(model).parameters()]:
        raise InputError(
            "this policy looks with another network than the model, and so cannot go on learning beside it: freeze it "
            "(`frozen: true`), or let it begin afresh"
        )
