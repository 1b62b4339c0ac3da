"""A launch with everything read and checked that it names, before anything starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automix_search.compute.executors import check_place
from automix_search.compute.profiles import AbstractProfile, AddressProfile, load_profile
from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.launch.config import LaunchConfig
from automix_search.launch.durations import seconds
from automix_search.launch.named import named_document
from automix_search.spaces import Candidate, Space, read_space
from automix_search.trackers import check_trackers
from automix_search.training.base import AbstractTrainer
from automix_search.training.custom import load_class, load_trainer
from automix_search.training.factory import trainer_from_recipe
from automix_search.training.objectives import aimed, objective_of
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.budget import Compute, compute
from automix_search.tuning.kept_weights import check_weights
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.population.fitness import check_population
from automix_search.tuning.portfolio import first_points
from automix_search.tuning.run_folder import find_run
from automix_search.tuning.samplers import ONE_OBJECTIVE
from automix_search.tuning.strategies import Pba
from automix_search.tuning.warm_start import warm_start
from automix_search.validation import check_format, dump


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
    profile_document = named_document(config, "cluster")
    profile = load_profile(profile_document)
    trainer_source = "Python objects" if trainer is not None else ""
    if trainer is None:
        trainer, trainer_source = _trainer(config)
    check_place(profile, trainer.resources)
    space_document = Document(None, "the `space` argument")
    if space is None:
        space_document = named_document(config, "space")
        check_format(space_document, "space")
        space = read_space(space_document, base=trainer.transform, settings=trainer.settings, methods=own)
    trainer = _for_objectives(config, _aimed(trainer, space))
    _check_together(config, space, trainer, profile)
    earlier = warm_start([find_run(run, Path(config.runs_dir)) for run in config.warm_start], space)
    plan = _plan(config, space, trainer, own, earlier.points)
    origins = {"space": space_document.source, "trainer": trainer_source, "cluster": profile_document.source}
    origins |= {"warm start": earlier.told} if earlier.told else {}
    return Launch(_written_out(config, plan, profile), plan, profile, origins)


def _check_together(
    config: LaunchConfig, space: Space, trainer: AbstractTrainer, profile: AbstractProfile
) -> None:
    """See that what a launch names fits together.

    Raises:
        InputError: It does not.
    """
    _check_sampler(config, trainer)
    if check_weights(space, trainer):
        _check_shared(profile, "what policies learned before lies in the run folder")
    if isinstance(config.strategy, Pba):
        check_population(config.strategy, space, trainer, config.epochs)
        _check_shared(profile, "the strategy `pba` hands checkpoints from one training to the next")
    space.check(partial(_settle, trainer))
    check_trackers(config.trackers)


def _plan(
    config: LaunchConfig,
    space: Space,
    trainer: AbstractTrainer,
    methods: tuple[type, ...],
    earlier: Sequence[FirstPoint],
) -> SearchPlan:
    """The plan of a launch; `earlier` are points of earlier runs, best first."""
    baselines = baselines_of(trainer)
    first: Sequence[FirstPoint] = ()
    if config.samples:
        first = first_points(config.portfolio, config.trials, space, trainer, baselines, earlier)
    return SearchPlan(
        space=space,
        trainer=trainer,
        baselines=baselines,
        trials=config.trials,
        strategy=config.strategy,
        seed=config.seed,
        epochs=config.epochs,
        sampler=config.sampler,
        grid_points=config.grid_points,
        portfolio=tuple(first),
        stopping=config.scheduler,
        finalists=config.race.finalists,
        race_seeds=config.race.seeds,
        confirm_seeds=config.confirm.seeds,
        margin=config.confirm.margin,
        confidence=config.confirm.confidence,
        retries=config.retries,
        budget=_compute(config, trainer),
        time_budget_s=None if config.time_budget is None else seconds(config.time_budget),
        methods=methods,
    )


def _for_objectives(config: LaunchConfig, trainer: AbstractTrainer) -> AbstractTrainer:
    """The trainer with the objectives that the launch names, if it names any."""
    if config.objective is None:
        return trainer
    return aimed(trainer, [objective_of(text) for text in config.objective])


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
    document = named_document(config, "trainer")
    return trainer_from_recipe(document), document.source


def _refuse_changes(config: LaunchConfig, address: str) -> None:
    changed = [path for path in config.set if path.startswith("trainer.")]
    if changed:
        raise InputError(f"`{changed[0]}` cannot be set: {address} is code, not a recipe")


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
