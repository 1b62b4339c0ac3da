"""The launch file: what to search, how, where and how long."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import Spec, kind_of
from automix_search.launch.durations import seconds
from automix_search.trackers import AbstractTracker, Tracker
from automix_search.training.objectives import objective_of
from automix_search.tuning.budget import compute
from automix_search.tuning.portfolio import FirstPoint
from automix_search.tuning.samplers import GRID, sampler_factory
from automix_search.tuning.stopping import NoStopping, Stopping
from automix_search.tuning.strategies import Pba, Sampling, Strategy
from automix_search.validation import check_format, validate


def _by_name(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class RaceSettings(Spec):
    """How the best of the search is found: on validation, on paired seeds."""

    finalists: int = Field(
        3,
        ge=0,
        description="How many of the best trials race with the baselines; 0: no race, and no verdict.",
    )
    seeds: int = Field(4, ge=1, description="On how many fresh seeds each of them is trained at most.")


class Confirm(Spec):
    """How the best trial is judged: on the test split, against every baseline."""

    seeds: int = Field(5, ge=1, description="On how many more fresh seeds, the same for all.")
    margin: float | None = Field(
        None,
        gt=0,
        description="A difference so small does not matter; null: 0.005 for metrics between 0 and 1, else 1% of the "
        "baseline's mean.",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the race and of the verdict.")


class LaunchConfig(Spec):
    """A launch file: `space`, `trainer` and `cluster` are names of presets, files, or the mappings themselves."""

    format: Literal["automix-search/launch/1"] = "automix-search/launch/1"
    space: str | dict[str, JsonValue] | None = Field("quick", description="What is searched.")
    trainer: str | dict[str, JsonValue] | None = Field(
        "digits-cnn", description="How one trial is trained; also `file.py:Class` or `package.module:Class`."
    )
    cluster: str | dict[str, JsonValue] = Field("local", description="Where trials run.")
    trials: int = Field(24, ge=1, description="How many points of the space to try.")
    time_budget: str | None = Field(None, description="No trial starts after this time, such as 30m or 2h.")
    budget: str | None = Field(
        None,
        description="Compute for the whole search, such as 40gpu-h or 2cpu-h, race and confirmation too.",
    )
    epochs: int | None = Field(
        None, ge=1, description="Length of every training; null leaves it to the trainer."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Of the sampler and of every training of the search.")
    strategy: Annotated[Strategy, BeforeValidator(_by_name, json_schema_input_type=str | Strategy)] = (
        Sampling()
    )
    sampler: str = Field(
        "tpe", description="tpe, priorband, random, gp, cmaes, nsga2, grid, or package.module:Name."
    )
    grid_points: int = Field(3, ge=1, description="Values tried of each range by the sampler `grid`.")
    portfolio: Annotated[int, Field(ge=0)] | tuple[FirstPoint, ...] | None = Field(
        None,
        description="How many points are tried first, of policies known to do well; null takes a quarter of the "
        "trials, 8 at most. Or these points themselves.",
    )
    warm_start: tuple[str, ...] = Field(
        (), description="Earlier runs, by name or folder, whose best points go first in the portfolio."
    )
    scheduler: Annotated[Stopping, BeforeValidator(_by_name, json_schema_input_type=str | Stopping)] = (
        NoStopping()
    )
    objective: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="What the search is for, where not the trainer's own: [accuracy, ece min, cost/step_time]. "
        "With several, the first guides early stopping and the verdict.",
    )
    race: RaceSettings = RaceSettings()
    confirm: Confirm = Confirm()
    retries: int = Field(1, ge=0, description="How often a failed training is tried again.")
    checkpoint_every: str = Field("60s", description="Shortest time between two checkpoints of a training.")
    methods: tuple[str, ...] = Field(
        (), description="Methods of your own: file.py:Class or package.module:Class."
    )
    trackers: tuple[
        Annotated[Tracker, BeforeValidator(_by_name, json_schema_input_type=str | Tracker)], ...
    ] = Field((), description="What is told of every training: tensorboard, mlflow, wandb.")
    name: str | None = Field(None, description="Name of the run; null makes one.")
    runs_dir: str = Field("runs", description="Folder of all runs.")
    set: dict[str, JsonValue] = Field(
        default_factory=dict, description="Changes to what is named: {trainer.epochs: 3, cluster.workers: 1}."
    )

    @field_validator("time_budget", "checkpoint_every")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None and value != "0s":
            seconds(value)
        return value

    @field_validator("objective", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("objective")
    @classmethod
    def _are_objectives(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        metrics = [objective_of(text).metric for text in value or ()]
        twice = next((metric for metric in metrics if metrics.count(metric) > 1), None)
        if twice is not None:
            raise ValueError(f"`{twice}` stands twice")
        return value

    @field_validator("budget")
    @classmethod
    def _is_compute(cls, value: str | None) -> str | None:
        if value is not None:
            compute(value)
        return value

    @field_validator("sampler")
    @classmethod
    def _is_a_sampler(cls, value: str) -> str:
        try:
            sampler_factory(value)
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, value: tuple[AbstractTracker, ...]) -> tuple[AbstractTracker, ...]:
        kinds = [kind_of(type(tracker)) for tracker in value]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(f"the tracker `{kind}` stands twice")
        return value

    @model_validator(mode="after")
    def _there_is_room_for_first_points(self) -> LaunchConfig:
        if (self.portfolio or self.warm_start) and not self.samples:
            what = "portfolio" if self.portfolio else "warm_start"
            raise ValueError(f"neither a grid nor `pba` begins with given points, so leave `{what}` out")
        if self.warm_start and self.portfolio == 0:
            raise ValueError("a portfolio of 0 has no room for the points of `warm_start`")
        if self.warm_start and isinstance(self.portfolio, tuple):
            raise ValueError("`portfolio` lists its points already, so leave `warm_start` out")
        return self

    @property
    def samples(self) -> bool:
        """Whether a sampler proposes points one after the other."""
        return isinstance(self.strategy, Sampling) and self.sampler != GRID

    @model_validator(mode="after")
    def _nothing_stops_early_that_goes_on(self) -> LaunchConfig:
        if isinstance(self.strategy, Pba) and not isinstance(self.scheduler, NoStopping):
            raise ValueError("the strategy `pba` gives up members in its own way, so leave `scheduler` out")
        return self

    @field_validator("set")
    @classmethod
    def _changes_what_is_named(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for path in value:
            if path.split(".")[0] not in ("space", "trainer", "cluster") or "." not in path:
                raise ValueError(f"`{path}` must begin with `space.`, `trainer.` or `cluster.`")
        return value


def read_launch(document: Document) -> LaunchConfig:
    """Read a launch file.

    Raises:
        InputError: It is not one, or something in it is wrong.
    """
    check_format(document, "launch")
    return validate(LaunchConfig, document)
