"""Teachers: trained models that a policy learns from, or whose features it looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional

from automix_search.data import ImageInfo
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.models import ModelSpec, build_model, load_weights
from automix_search.training.fitness import check_model


def as_model(value: Any) -> Any:
    """Read a bare name as the model of that name."""
    return {"name": value} if isinstance(value, str) else value


class TeacherSpec(Spec):
    """A trained model: which one, where its weights are, and what images it takes.

    Left as they are, `num_classes`, `size`, `mean` and `std` fit a model that a recipe on the same data trained. A
    model of other classes can still show features, but has no predictions to learn from.
    """

    model: Annotated[ModelSpec, BeforeValidator(as_model, json_schema_input_type=ModelSpec | str)]
    weights: Path = Field(description="A local .safetensors or .pt file.")
    num_classes: int | None = Field(
        None, ge=1, description="Classes that it tells apart; null for those of the data."
    )
    size: tuple[int, int] | None = Field(
        None, description="Height and width that images are resized to for it; null leaves them as they are."
    )
    mean: tuple[float, ...] | None = Field(
        None, description="What it takes images normalised by, a number a channel; null for the data's own."
    )
    std: tuple[float, ...] | None = Field(None, description="As `mean`.")

    @field_validator("weights")
    @classmethod
    def _found(cls, weights: Path) -> Path:
        if not weights.is_file():
            raise ValueError(f"there is no file {weights}")
        return weights.absolute()  # workers may run in another folder

    @field_validator("size")
    @classmethod
    def _not_empty(cls, size: tuple[int, int] | None) -> tuple[int, int] | None:
        if size is not None and min(size) < 1:
            raise ValueError(f"height and width must be at least 1, but got {size[0]} x {size[1]}")
        return size

    @model_validator(mode="after")
    def _one_number_a_channel(self) -> TeacherSpec:
        if (self.mean is None) != (self.std is None) or len(self.mean or ()) != len(self.std or ()):
            raise ValueError("`mean` and `std` must be given together, a number a channel each")
        if min(self.std or (1.0,)) <= 0:
            raise ValueError(f"`std` must be above 0, but got {self.std}")
        return self

    def classes(self, info: ImageInfo) -> int:
        """How many classes it tells apart, if it is to work with such data."""
        return self.num_classes or info.num_classes

    def build(self, info: ImageInfo) -> nn.Module:
        """The teacher for images as the model sees them: normalised as the data's are, of their size.

        torch's global random state stays as it is.

        Returns:
            A model from images `B x C x H x W` to logits `B x T`, on the CPU, in evaluation mode.

        Raises:
            InputError: The weights are not those of this model, or it cannot take the images.
        """
        mean, std = self.mean or info.mean, self.std or info.std
        if len(mean) != info.channels and info.channels != 1:
            raise InputError(
                f"the teacher takes images of {len(mean)} channels, but those of `{info.name}` have {info.channels}"
            )
        count = self.classes(info)
        with torch.random.fork_rng(devices=[]):
            model = build_model(
                self.model, channels=len(mean), size=self.size or info.size, num_classes=count
            )
        if load_weights(model, self.weights):
            raise InputError(
                f"the teacher's weights {self.weights} are not of a model of {count} classes; say under `teacher:` "
                f"how many it tells apart: `num_classes`"
            )
        self._fit(model, info, mean, std)
        check_model(model, torch.zeros(2, info.channels, *info.size), info, noun="teacher", num_classes=count)
        return model.eval()

    def _fit(
        self, model: nn.Module, info: ImageInfo, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        """Let the model turn the images that it is given into those that it takes."""
        if self.size in (None, info.size) and (mean, std) == (info.mean, info.std):
            return
        fitting = Fitting(self.size, (info.mean, info.std), (mean, std))
        model.register_forward_pre_hook(lambda _, inputs: (fitting(inputs[0]), *inputs[1:]))


Scale = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation, a number a channel."""


class Fitting:
    """Resizes images and normalises them anew; images of one channel become grey ones of several.

    Args:
        size: Height and width that images are resized to; None leaves them as they are.
        given: What images are normalised by.
        wanted: What they are to be normalised by.
    """

    def __init__(self, size: tuple[int, int] | None, given: Scale, wanted: Scale) -> None:
        self.size = size
        (mean, std), (new_mean, new_std) = (
            torch.tensor(each).view(2, 1, -1, 1, 1) for each in (given, wanted)
        )
        self._scale = {mean.device: (std / new_std, (mean - new_mean) / new_std)}

    def __call__(self, images: Tensor) -> Tensor:
        """Images `N x C x H x W` as the model takes them."""
        if self.size is not None:
            images = functional.interpolate(images, self.size, mode="bilinear", antialias=True)
        factor, offset = self._on(images.device)
        return images * factor + offset

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self._scale:
            factor, offset = next(iter(self._scale.values()))
            self._scale[device] = (factor.to(device), offset.to(device))
        return self._scale[device]
