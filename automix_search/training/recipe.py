"""Recipes: how one trial is trained, as a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from automix_search.data import DataSource
from automix_search.documents import Document, read_yaml
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.metrics import METRICS, NamedMetric, resolve_metric
from automix_search.models import ModelSpec
from automix_search.policy import Policy, Transform
from automix_search.ranges import Range
from automix_search.training.base import Objective, Resources
from automix_search.training.lr_schedules import CosineRate, RateSchedule
from automix_search.training.optimizers import OptimizerSettings
from automix_search.training.teacher import TeacherSpec
from automix_search.validation import check_format, validate

ALWAYS_COMPARED = ("none", "base", "trivial", "default")
"""Names of the baselines of every search; a recipe may not take them for its own."""


class ObjectiveSettings(Spec):
    """The metric that a search optimises."""

    metric: str = Field("accuracy", description=f"One of {', '.join(item.name for item in METRICS)}.")
    direction: Literal["max", "min"] | None = Field(
        None, description="Which way is better; follows from the metric."
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        return _resolve(metric).name

    @field_validator("direction")
    @classmethod
    def _of_the_metric(
        cls, direction: Literal["max", "min"] | None, info: ValidationInfo
    ) -> Literal["max", "min"]:
        return _resolve(info.data.get("metric", "accuracy"), direction).direction


def _resolve(metric: str, direction: Literal["max", "min"] | None = None) -> NamedMetric:
    try:
        return resolve_metric(metric, direction)
    except InputError as error:
        raise ValueError(str(error)) from None


class Recipe(Spec):
    """How one trial is trained: data, model, optimiser, and what is scored.

    Everything that a search space may change under `trainer:` declares its range.
    """

    format: Literal["automix-search/trainer/1"] = "automix-search/trainer/1"
    task: Literal["classification"] = "classification"
    data: DataSource | None = Field(None, description="Null only where a program gives the data itself.")
    model: ModelSpec | None = Field(None, description="Null only where a program gives the model itself.")
    weights: Path | None = Field(None, description="Starting weights: a local .safetensors or .pt file.")
    teacher: TeacherSpec | None = Field(
        None, description="A trained model, for policies that learn from one or look at its features."
    )
    optimizer: OptimizerSettings = OptimizerSettings()
    lr_schedule: RateSchedule = CosineRate()
    epochs: Annotated[int, Range(5, 100, log=True)] = Field(10, ge=1)
    batch_size: Annotated[int, Range(16, 512, log=True)] = Field(
        128, ge=2, description="Images a training step."
    )
    clip_grad: Annotated[float | None, Range(0.1, 10.0, log=True)] = Field(
        None, gt=0, description="Largest norm of the gradient of all parameters."
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field("float32", description="Of autocast.")
    channels_last: bool = Field(
        True, description="Memory order of images and weights; faster for convolutions."
    )
    compile: bool = Field(False, description="torch.compile the model: slow to start, then faster on a GPU.")
    ema: Annotated[float | None, Range(0.9, 0.9999)] = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of a moving average of the weights, which is then what is scored.",
    )
    transform: Transform = Field(
        Transform(), description="For searches whose space says nothing about transforms."
    )
    baselines: dict[str, Policy] = Field(
        default_factory=dict, description="More policies that every search compares."
    )
    objective: ObjectiveSettings = ObjectiveSettings()
    metrics: tuple[str, ...] = Field(
        ("accuracy", "nll"),
        description="Reported beside the objective; those of neural collapse after the last epoch only.",
    )
    resources: Resources = Resources()

    @field_validator("weights")
    @classmethod
    def _found(cls, weights: Path | None) -> Path | None:
        if weights is not None and not weights.is_file():
            raise ValueError(f"there is no file {weights}")
        return weights and weights.absolute()  # workers may run in another folder

    @field_validator("metrics")
    @classmethod
    def _all_known(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_resolve(name).name for name in metrics))

    @field_validator("baselines")
    @classmethod
    def _not_taken(cls, baselines: dict[str, Policy]) -> dict[str, Policy]:
        taken = sorted(set(baselines) & set(ALWAYS_COMPARED))
        if taken:
            raise ValueError(
                f"`{taken[0]}` is a baseline of every search already; give this one another name"
            )
        return baselines

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Recipe:
        if self.lr_schedule.warmup_epochs >= self.epochs:
            raise ValueError(
                f"`lr_schedule.warmup_epochs < epochs` must hold, "
                f"but got {self.lr_schedule.warmup_epochs:g} and {self.epochs}"
            )
        return self

    def goal(self) -> Objective:
        """What a search optimises, as trainers say it."""
        return Objective(self.objective.metric, self.objective.direction or "max")


def load_recipe(source: Document | Path | str) -> Recipe:
    """Read a recipe from a file or a document; nothing in it is executed.

    Raises:
        InputError: The file cannot be read, or is not a whole recipe; one line for each finding.
    """
    document = source if isinstance(source, Document) else read_yaml(source)
    check_format(document, "trainer")
    recipe = validate(Recipe, document)
    for name in ("data", "model"):
        if getattr(recipe, name) is None:
            raise InputError(f"{document.source}: the field `{name}` is missing")
    return recipe
