"""What to search, how, where and how long: the launch file, and everything it names."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from automix_search.compute.executors import check_place
from automix_search.compute.profiles import AbstractProfile, AddressProfile, load_profile
from automix_search.documents import ChangedDocument, Document, Place, Tree
from automix_search.errors import InputError
from automix_search.families import Spec, kind_of
from automix_search.hashed_files import found_from
from automix_search.presets import find_preset
from automix_search.spaces import Candidate, Space, read_space
from automix_search.trackers import AbstractTracker, Tracker, check_trackers
from automix_search.training.base import AbstractTrainer
from automix_search.training.custom import load_class, load_trainer
from automix_search.training.factory import trainer_from_recipe
from automix_search.training.objectives import aimed, objective_of
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.budget import Compute, compute
from automix_search.tuning.kept_weights import check_weights
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.population.fitness import check_population
from automix_search.tuning.portfolio import FirstPoint, first_points
from automix_search.tuning.run_folder import find_run
from automix_search.tuning.samplers import GRID, ONE_OBJECTIVE, sampler_factory
from automix_search.tuning.stopping import NoStopping, Stopping
from automix_search.tuning.strategies import Pba, Sampling, Strategy
from automix_search.tuning.warm_start import warm_start
from automix_search.validation import check_format, dump, validate

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Seconds of `90s`, `30m`, `2h`, `1h30m` or `1d`.

    Raises:
        ValueError: Not such a time, or none at all.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"a time is written like 90s, 30m, 2h or 1h30m, not `{text}`")
    total = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if total <= 0:
        raise ValueError("a time must be above 0")
    return total


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


@dataclass(frozen=True)
class Launch:
    """A launch with everything read, checked, and ready to start.

    Attributes:
        config: What was asked for, names replaced by what they stand for: enough to start or resume the search again.
        plan: What to do.
        profile: Where to do it.
        origins: Where space, trainer and cluster were found, and what earlier runs gave, for the printed plan.
    """

    config: LaunchConfig
    plan: SearchPlan
    profile: AbstractProfile
    origins: Mapping[str, str]


def read_launch(document: Document) -> LaunchConfig:
    """Read a launch file.

    Raises:
        InputError: It is not one, or something in it is wrong.
    """
    check_format(document, "launch")
    return validate(LaunchConfig, document)


def resolve(
    config: LaunchConfig,
    *,
    space: Space | None = None,
    trainer: AbstractTrainer | None = None,
    methods: Sequence[type] = (),
) -> Launch:
    """Read and check everything that a launch names, before anything starts.

    Args:
        config: The launch.
        space: Takes the place of the one that `config` names.
        trainer: Takes the place of the one that `config` names.
        methods: Classes of the user's own, beside those that `config` names.

    Raises:
        InputError: Something does not exist, is wrong, or does not fit the rest.
    """
    own = (*methods, *(load_class(address, Spec) for address in config.methods))
    profile_document = _named(config, "cluster")
    profile = load_profile(profile_document)
    trainer_source = "Python objects" if trainer is not None else ""
    if trainer is None:
        trainer, trainer_source = _trainer(config)
    check_place(profile, trainer.resources)
    space_document = Document(None, "the `space` argument")
    if space is None:
        space_document = _named(config, "space")
        check_format(space_document, "space")
        space = read_space(space_document, base=trainer.transform, settings=trainer.settings, methods=own)
    trainer = _aimed(trainer, space)
    if config.objective is not None:
        trainer = aimed(trainer, [objective_of(text) for text in config.objective])
    _check_sampler(config, trainer)
    if check_weights(space, trainer):
        _check_shared(profile, "what policies learned before lies in the run folder")
    if isinstance(config.strategy, Pba):
        check_population(config.strategy, space, trainer, config.epochs)
        _check_shared(profile, "the strategy `pba` hands checkpoints from one training to the next")
    space.check(partial(_settle, trainer))
    baselines = baselines_of(trainer)
    earlier = warm_start([find_run(run, Path(config.runs_dir)) for run in config.warm_start], space)
    check_trackers(config.trackers)
    plan = SearchPlan(
        space=space,
        trainer=trainer,
        baselines=baselines,
        trials=config.trials,
        strategy=config.strategy,
        seed=config.seed,
        epochs=config.epochs,
        sampler=config.sampler,
        grid_points=config.grid_points,
        portfolio=(
            first_points(config.portfolio, config.trials, space, trainer, baselines, earlier.points)
            if config.samples
            else ()
        ),
        stopping=config.scheduler,
        finalists=config.race.finalists,
        race_seeds=config.race.seeds,
        confirm_seeds=config.confirm.seeds,
        margin=config.confirm.margin,
        confidence=config.confirm.confidence,
        retries=config.retries,
        budget=_compute(config, trainer),
        time_budget_s=None if config.time_budget is None else seconds(config.time_budget),
        methods=own,
    )
    origins = {"space": space_document.source, "trainer": trainer_source, "cluster": profile_document.source}
    origins |= {"warm start": earlier.told} if earlier.told else {}
    return Launch(_written_out(config, plan, profile), plan, profile, origins)


def _check_sampler(config: LaunchConfig, trainer: AbstractTrainer) -> None:
    """See that the search can go for all of the trainer's objectives.

    Raises:
        InputError: It cannot.
    """
    if not trainer.objective.also:
        return
    if config.sampler in ONE_OBJECTIVE:
        raise InputError(f"the sampler `{config.sampler}` optimises one metric; use tpe or nsga2 for several")
    if isinstance(config.strategy, Pba):
        raise InputError("the strategy `pba` optimises one metric; leave `strategy` out for several")


def _compute(config: LaunchConfig, trainer: AbstractTrainer) -> Compute | None:
    """The compute that a search may spend.

    Raises:
        InputError: It is of another kind than the trainer uses.
    """
    if config.budget is None:
        return None
    budget, unit = compute(config.budget), "gpu" if trainer.resources.gpus else "cpu"
    if budget.unit != unit:
        uses = f"{trainer.resources.gpus:g} GPUs a training" if unit == "gpu" else "no GPU"
        raise InputError(
            f"`budget: {config.budget}` counts {budget.unit}s, but the trainer uses {uses}; give it in {unit}-h"
        )
    return budget


def _check_shared(profile: AbstractProfile, what: str) -> None:
    if isinstance(profile, AddressProfile) and not profile.shared_runs:
        raise InputError(
            f"{what}, which this cluster's workers cannot see; put the run folder on a shared disk and set "
            f"`cluster.shared_runs` to true"
        )


def _aimed(trainer: AbstractTrainer, space: Space) -> AbstractTrainer:
    """The trainer with the objective that the space names, if it names one."""
    wanted = getattr(space.settings, "objective", None)
    if trainer.settings is None or wanted in (None, getattr(trainer.settings, "objective", None)):
        return trainer
    return trainer.with_settings(trainer.settings.model_copy(update={"objective": wanted}))


def _settle(trainer: AbstractTrainer, candidate: Candidate) -> None:
    """See that a trainer can carry out a candidate."""
    settings = candidate.settings
    (trainer if settings is None else trainer.with_settings(settings)).settle(candidate.policy)


def _trainer(config: LaunchConfig) -> tuple[AbstractTrainer, str]:
    if isinstance(config.trainer, str) and ":" in config.trainer:
        _refuse_changes(config, config.trainer)
        return load_trainer(config.trainer), config.trainer
    if config.trainer is None:
        raise InputError(
            "this search was started from Python with objects of its own, which no file can hold; "
            "go on with it there: search(..., resume=True)"
        )
    document = _named(config, "trainer")
    return trainer_from_recipe(document), document.source


def _refuse_changes(config: LaunchConfig, address: str) -> None:
    changed = [path for path in config.set if path.startswith("trainer.")]
    if changed:
        raise InputError(f"`{changed[0]}` cannot be set: {address} is code, not a recipe")


def _named(config: LaunchConfig, kind: Literal["space", "trainer", "cluster"]) -> Document:
    """The document that a launch names, with the launch's changes made."""
    value = getattr(config, kind)
    document = (
        find_preset(kind, value).document() if isinstance(value, str) else Document(value, f"the {kind}")
    )
    changes = {path: new for path, new in config.set.items() if path.split(".")[0] == kind}
    tree = document.tree
    for path, new in changes.items():
        tree = with_change(tree, path.split(".")[1:], new, path)
    tree = found_from(tree, Path())
    places: dict[Place, str] = {tuple(path.split(".")[1:]): f"`set: {path}`" for path in changes}
    return ChangedDocument(tree, document.source, document.lines, changes=places)


def with_change(tree: Tree, path: Sequence[str], value: Tree, whole: str) -> Tree:
    """A copy of a tree with the value at `path` replaced; a mapping that is not there yet is made.

    Raises:
        InputError: The path leads through something that is neither a mapping nor a list.
    """
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(tree, Mapping) or tree is None:
        tree = tree or {}
        return {**tree, head: with_change(tree.get(head), rest, value, whole)}
    if isinstance(tree, list) and head.isdigit() and int(head) < len(tree):
        place = int(head)
        return [*tree[:place], with_change(tree[place], rest, value, whole), *tree[place + 1 :]]
    raise InputError(f"`{whole}` cannot be set: there is nothing called `{head}`")


def _written_out(config: LaunchConfig, plan: SearchPlan, profile: AbstractProfile) -> LaunchConfig:
    recipe = plan.trainer.settings
    trainer: Any = dump(recipe) if recipe is not None else _absolute(config.trainer)
    if config.trainer is None:
        trainer = None
    changes = {
        "space": dict(plan.space.tree),
        "trainer": trainer,
        "cluster": dump(profile),
        "sampler": _absolute(config.sampler),
        "portfolio": plan.portfolio,
        "warm_start": (),
        "methods": tuple(_absolute(address) for address in config.methods),
        "name": config.name or time.strftime("run-%Y%m%d-%H%M%S"),
        "set": {},
    }
    return LaunchConfig.model_validate({**dump(config), **changes})


def _absolute(address: Any) -> Any:
    if not isinstance(address, str) or ".py:" not in address:
        return address
    file, _, name = address.rpartition(":")
    return f"{Path(file).absolute()}:{name}"
