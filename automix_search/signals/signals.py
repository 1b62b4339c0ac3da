"""What a method may look at beside the pixels that it mixes.

Axes: P images in the pool, C channels, H x W pixels, h x w places of a coarser grid, K classes.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from automix_search.errors import InputError
from automix_search.randomness import Randomness

Source = Literal["model", "teacher"]

Onlooker = Literal["head", "patches"]

Scale = tuple[Tensor, Tensor]

LUMINANCE = (0.299, 0.587, 0.114)
"""What red, green and blue give to the brightness that is seen (ITU-R BT.601)."""

Memory = dict[str, Tensor]
"""What a method remembers from step to step, by name; emptied at the start of each epoch."""


class Signals:
    """Labels and looks of a batch of clean images; without a model, nothing that a model would say.

    Every map is finite, detached and float32, of the images of the pool in their order. A method resizes a
    map to the grid that it works on.

    Args:
        images: The pool as the model sees it, normalised.
        labels: Soft targets.
        scale: Mean and standard deviation that `images` were normalised by, `1 x C x 1 x 1` each; None
            if that is not known.
        memory: What methods keep from step to step.
        random: Source of draws for what is given no other; None seeds one from torch's global generator.
    """

    def __init__(
        self,
        images: Shaped[Tensor, "P C *spatial"],
        labels: Float[Tensor, "P K"] | None = None,
        scale: Scale | None = None,
        memory: Memory | None = None,
        random: Randomness | None = None,
    ) -> None:
        self.images = images
        self.memory: Memory = {} if memory is None else memory
        self._labels = labels
        self._scale = scale
        self._random = random

    @cached_property
    def random(self) -> Randomness:
        """Source of draws for what is given no other."""
        return Randomness() if self._random is None else self._random

    def labels(self) -> Float[Tensor, "P K"]:
        """Soft targets of the images."""
        if self._labels is None:
            raise InputError("this method looks at the labels: give them with the images")
        return self._labels

    def pixels(self) -> Float[Tensor, "P C H W"]:
        """The images on the scale [0, 1]; where it is not known how they were normalised, the batch fills it."""
        images = self.images.detach().float()
        if self._scale is not None:
            mean, std = self._scale
            return (images * std + mean).clamp_(0, 1)
        low, high = images.aminmax()
        return (images - low) / (high - low).clamp(min=1e-12)

    def grey(self) -> Float[Tensor, "P H W"]:
        """Brightness on the scale [0, 1]; where it is not known how the images were normalised, as they are.

        Red, green and blue count as the eye sees them; any other number of channels counts evenly.
        """
        channels = self.images.shape[1]
        even = (1 / channels,) * channels
        weight = torch.tensor(LUMINANCE if channels == 3 else even).to(self.images.device, non_blocking=True)
        shift = torch.zeros((), device=self.images.device)
        if self._scale is not None:
            mean, std = (item.flatten() for item in self._scale)
            weight, shift = weight * std, (weight * mean).sum()
        with torch.autocast(self.images.device.type, enabled=False):
            grey = weight @ self.images.detach().float().flatten(2)
        return grey.view(-1, *self.images.shape[-2:]).add_(shift)

    def saliency(self) -> Float[Tensor, "P H W"]:
        """Root of the squared gradient of the model's loss at every pixel, mean over channels."""
        raise self._without_model("saliency")

    def attention(self, onlooker: Onlooker = "head") -> Float[Tensor, "P h w"]:
        """How much the model's last block attends to each patch; sums to 1 over the patches.

        Args:
            onlooker: Whose attention it is: of what the model's head reads (a class token, or all patches where
                there is none), or of all patches.
        """
        raise self._without_model("attention")

    def merged_attention(self, merged: float, depth: float) -> Float[Tensor, "P h w"]:
        """How much a block attends to each patch, where like patches were merged on the way to it.

        Args:
            merged: Part of the patches that all blocks together would merge away.
            depth: Which block is looked at, as a part of the model's depth.

        Returns:
            Attention to the token that each patch went into: patches of one token have one value.
        """
        raise self._without_model("attention")

    def features(self, source: Source = "model") -> Float[Tensor, "P F h w"]:
        """The last feature map before pooling, of the model or of the teacher."""
        raise self._without_model("features")

    def class_maps(self, source: Source = "model") -> Float[Tensor, "P h w"]:
        """Class activation maps of the images' own classes: the classifier's weights on the last features.

        Reference: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016,
        https://arxiv.org/abs/1512.04150.
        """
        raise self._without_model("class maps")

    def logits(self, source: Source = "model") -> Float[Tensor, "P K"]:
        """Predictions for the clean images, of the model in evaluation mode or of the teacher."""
        raise self._without_model("predictions")

    def stages(self) -> tuple[str, ...]:
        """Names of the model's modules after which hidden features may be mixed, from the input on."""
        raise self._without_model("layers")

    @staticmethod
    def _without_model(what: str) -> InputError:
        return InputError(
            f"this policy needs the model's {what}: call `augmenter.loss(model, x, y)` instead of `augmenter(x, y)`"
        )


def other_classes(found: int, wanted: int) -> InputError:
    """What to say where a policy needs a teacher's predictions and it has other classes."""
    return InputError(
        f"this policy needs a teacher's predictions of the task's {wanted} classes, but the teacher has {found} classes"
    )


def no_teacher() -> InputError:
    """What to say where a policy needs a teacher and none was given."""
    return InputError(
        "this policy needs a teacher: name one under `teacher:` in the recipe, or give `build(teacher=...)`"
    )
