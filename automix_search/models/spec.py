"""What a recipe says of the model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from automix_search.families import Spec
from automix_search.ranges import Range


class ModelSpec(Spec):
    """A model by name: any of timm's, or a small one of our own.

    Our own are `tiny_cnn` (8 x 8 pixels, CPU), `small_cnn` (28 x 28, CPU), `tiny_vit` (8 to 32 pixels) and
    `cifar_resnet18` (32 x 32, GPU).
    """

    name: str = Field("small_cnn", min_length=1, description="A name that timm knows, or one of our own.")
    pretrained: bool = Field(False, description="Start from timm's published weights, which are downloaded.")
    drop_rate: Annotated[float, Range(0.0, 0.5)] = Field(
        0.0, ge=0, lt=1, description="Dropout before the classifier."
    )
    drop_path_rate: Annotated[float, Range(0.0, 0.3)] = Field(
        0.0, ge=0, lt=1, description="Stochastic depth, where the model has it."
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="More arguments of the model, as timm.create_model takes them."
    )
