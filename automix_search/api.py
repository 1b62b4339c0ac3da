"""The Python interface: search, go on with a search, look at what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from automix_search.compute.executors import executor_of
from automix_search.documents import Document, read_yaml, to_yaml, write_atomically
from automix_search.errors import InputError
from automix_search.evidence import Verdict
from automix_search.hashed_files import seen_from
from automix_search.launch import Launch, LaunchConfig, read_launch, resolve, seconds
from automix_search.metrics import Metric
from automix_search.policy import Policy, save_policy
from automix_search.presets import find_preset
from automix_search.spaces import Space, space_of
from automix_search.trackers import following
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.training.factory import trainer_from_objects
from automix_search.training.recipe import Recipe
from automix_search.tuning.budget import ONE_CORE, Share, share_of
from automix_search.tuning.driver import Observer
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.kept_weights import keep_weights, kept_names
from automix_search.tuning.leaderboard import Row, leaderboard
from automix_search.tuning.ledger import read_records
from automix_search.tuning.run_folder import RunFolder, create_run, find_run
from automix_search.tuning.search import check_same_data, conduct, describe_trainer
from automix_search.tuning.strategies import Sampling
from automix_search.tuning.winner import exported
from automix_search.validation import check_format, dump, validate

DECISIVE = (
    "space", "trainer", "objective", "epochs", "seed", "strategy", "sampler", "grid_points", "scheduler", "confirm",
)  # fmt: skip
"""What must not change when a search goes on; of the confirmation, lest seeds are added until an answer comes out."""


@dataclass(frozen=True)
class SearchResult:
    """What came out of a search.

    Attributes:
        run: The run folder.
        objective: What was optimised.
        rows: The leaderboard, best first.
        about: What the trainer says of data, model and recipe.
        methods: Classes of the user's own.
        verdict: What the test split says of the best trial against each baseline; None before the end of a search.
        share: What a training had of the machine while it ran.
    """

    run: RunFolder
    objective: Objective
    rows: Sequence[Row]
    about: Mapping[str, Any]
    methods: tuple[type, ...] = ()
    verdict: Verdict | None = None
    share: Share = ONE_CORE

    @property
    def best_policy(self) -> Policy:
        """The winner, with its provenance; a baseline where searching brought nothing better."""
        return self.policy(1)

    def policy(self, rank: int) -> Policy:
        """The policy at a place of the leaderboard, 1 being the best.

        Raises:
            InputError: There is no such place.
        """
        if not 1 <= rank <= len(self.rows):
            raise InputError(f"`rank` must lie in 1 to {len(self.rows)}, but got {rank}")
        row = self.rows[rank - 1]
        return exported(
            row,
            self.rows,
            self.objective.metric,
            self.run.name,
            self.about,
            self.methods,
            self.run.trials,
            self.verdict,
        )

    def leaderboard(self) -> list[Row]:
        """All candidates, best first, the baselines among them."""
        return list(self.rows)

    def export(self, path: Path | str, rank: int = 1) -> None:
        """Write a policy as YAML, ready for `load_policy`."""
        save_policy(self.policy(rank), path)


def search(
    *,
    space: str | Path | Mapping[str, Any] | Space | Policy = "quick",
    trainer: str | Path | Mapping[str, Any] | Recipe | AbstractTrainer | None = None,
    model: Callable[..., Any] | None = None,
    data: Sequence[Any] | None = None,
    metric: str | Metric | None = None,
    direction: Literal["max", "min"] | None = None,
    cluster: str | Path | Mapping[str, Any] = "local",
    trials: int = 24,
    time_budget: str | None = None,
    budget: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    sampler: str = "tpe",
    scheduler: str | Mapping[str, Any] = "none",
    name: str | None = None,
    runs_dir: str | Path = "runs",
    methods: Sequence[type] = (),
    settings: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    resume: bool = False,
) -> SearchResult:
    """Search the best augmentation policy, confirm it against the baselines, and return it.

    Args:
        space: What is searched: the name or file of a space, its tree, or a policy.
        trainer: How one trial is trained: the name or file of a recipe, its tree, or a trainer object. With `model` or
            `data`, it says the rest.
        model: A function that makes your model: `model()`, or with `num_classes` and `in_chans` if it takes them.
        data: Your own (train, valid, test) torch data sets, or pairs of arrays.
        metric: What is optimised, where not the recipe's: a name, or a function of logits `N x K` and labels.
        direction: Which way the metric is better; needed for a function that is better when smaller.
        cluster: Where trials run; "debug" runs them in this process.
        trials: How many points of the space to try.
        time_budget: No trial starts after this time, such as "30m".
        budget: Compute for the whole search, such as "40gpu-h" or "2cpu-h".
        epochs: Length of every training; None leaves it to the trainer.
        seed: Of everything random.
        sampler: tpe, priorband, random, gp, cmaes, nsga2, grid, or `package.module:Name`.
        scheduler: Early stopping: none, asha, median, or a mapping with its fields.
        name: Name of the run.
        runs_dir: Folder of all runs.
        methods: Mixing methods, transforms or losses of your own that the space names.
        settings: More fields of the launch file, such as {"confirm": {"seeds": 5}}.
        observers: Who looks on.
        resume: Go on with the run called `name` instead of starting one; give the same arguments as before.

    Raises:
        InputError: Something given is wrong; nothing was started.
        SearchError: Every training fails.
    """
    tree = {
        "space": _plain(space),
        "trainer": None if _is_object(trainer, model, data, metric) else _plain(trainer or "digits-cnn"),
        "cluster": _plain(cluster),
        "trials": trials,
        "time_budget": time_budget,
        "budget": budget,
        "epochs": epochs,
        "seed": seed,
        "sampler": sampler,
        "scheduler": _plain(scheduler),
        "name": name,
        "runs_dir": str(runs_dir),
        **(settings or {}),
    }
    config = validate(LaunchConfig, Document(tree, "search()"))
    if resume and name is None:
        raise InputError("`resume=True` needs the `name` of the run")
    made = _trainer(trainer, model, data, metric, direction)
    launch = resolve(config, space=_space(space, methods), trainer=made, methods=methods)
    return _go_on(launch, observers) if resume else start(launch, observers)


def start(launch: Launch, observers: Sequence[Observer] = ()) -> SearchResult:
    """Make the run folder of a launch and run its search to the end."""
    with begin(launch) as run:
        return carry_out(run, launch, observers)


def begin(launch: Launch) -> RunFolder:
    """Make the run folder of a launch, from which the search can be resumed at once.

    Raises:
        InputError: It exists already, or cannot be made.
    """
    run = create_run(Path(launch.config.runs_dir), str(launch.config.name))
    _write_launch(run, _kept(launch, run))
    return run


def _kept(launch: Launch, run: RunFolder) -> Launch:
    """The launch with what its policies learned before in the run folder."""
    config = LaunchConfig.model_validate(kept_names(run, dump(launch.config)))
    return replace(launch, config=config, plan=keep_weights(run, launch.plan))


def _write_launch(run: RunFolder, launch: Launch) -> None:
    write_atomically(run.launch, to_yaml(seen_from(dump(launch.config), run.path)))


def resume(run: RunFolder, *, more_trials: int = 0, observers: Sequence[Observer] = ()) -> SearchResult:
    """Go on with a search where it stopped; code of the user's own that its launch.yaml names is run again.

    Args:
        run: Its folder.
        more_trials: Trials beside those that it was launched for.
        observers: Who looks on.

    Raises:
        InputError: It is running, its data has changed, or its launch file is damaged.
    """
    with run:
        return carry_out(run, relaunch(run, more_trials), observers)


def relaunch(run: RunFolder, more_trials: int = 0) -> Launch:
    """The launch of a run that is there already, read and checked again.

    Raises:
        InputError: Its launch file is damaged, or what it names is no longer there.
    """
    config = read_launch(read_yaml(run.launch))
    if more_trials and not isinstance(config.strategy, Sampling):
        raise InputError("a search by `pba` comes to one trial; launch another one, with another `seed`")
    return resolve(config.model_copy(update={"trials": config.trials + more_trials}))


def carry_out(run: RunFolder, launch: Launch, observers: Sequence[Observer] = ()) -> SearchResult:
    """Run a search to its end, from wherever it stands, in a folder that the caller has locked."""
    launch = _kept(launch, run)
    config, plan = launch.config, launch.plan
    check_same_data(run, describe_trainer(plan.trainer))
    _write_launch(run, launch)
    every_s = 0.0 if config.checkpoint_every == "0s" else seconds(config.checkpoint_every)
    executor = executor_of(launch.profile, plan.trainer.resources, run.trials.absolute(), every_s)
    with following(config.trackers, run) as followers:
        rows = conduct(run, plan, executor, (*observers, *followers), resume=run.ledger.exists())
    verdict = read_verdict(run.verdict)
    share = share_of(plan.trainer.resources, executor.place.threads)
    return SearchResult(
        run, plan.trainer.objective, rows, plan.trainer.describe(), plan.methods, verdict, share
    )


def _go_on(launch: Launch, observers: Sequence[Observer]) -> SearchResult:
    run = find_run(str(launch.config.name), Path(launch.config.runs_dir))
    with run:
        before, launch = read_launch(read_yaml(run.launch)), _kept(launch, run)
        for name in DECISIVE:
            if getattr(before, name) != getattr(launch.config, name):
                raise InputError(
                    f"`{name}` is not what the search in {run.path} began with; give the same again"
                )
        return carry_out(run, _beginning_as(before, launch), observers)


def _beginning_as(before: LaunchConfig, launch: Launch) -> Launch:
    """A launch whose first points are those of an earlier one: more trials would make more of them."""
    points = before.portfolio if isinstance(before.portfolio, tuple) else ()
    return replace(
        launch,
        config=launch.config.model_copy(update={"portfolio": points}),
        plan=replace(launch.plan, portfolio=points),
    )


def open_run(run: RunFolder) -> SearchResult:
    """What a search has found so far; it may be running. No code of the user's own is run.

    Raises:
        InputError: Its ledger is damaged.
    """
    records = read_records(run.ledger)
    environment = run.read_environment()
    objective = Objective.of(environment["objective"])
    rows, verdict = leaderboard(records, objective), read_verdict(run.verdict)
    share = Share(**environment["compute"])
    return SearchResult(run, objective, rows, environment["about"], verdict=verdict, share=share)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value if isinstance(value, str) else None


def _is_object(trainer: object, *others: object) -> bool:
    return isinstance(trainer, AbstractTrainer | Recipe) or any(item is not None for item in others)


def _trainer(
    trainer: str | Path | Mapping[str, Any] | Recipe | AbstractTrainer | None,
    model: Callable[..., Any] | None,
    data: Sequence[Any] | None,
    metric: str | Metric | None,
    direction: Literal["max", "min"] | None,
) -> AbstractTrainer | None:
    """The trainer that is made of Python objects; None where a name or a file says it all."""
    if not _is_object(trainer, model, data, metric):
        return None
    if isinstance(trainer, AbstractTrainer):
        return trainer
    return trainer_from_objects(model, data, metric=metric, direction=direction, recipe=_recipe(trainer))


def _recipe(trainer: str | Path | Mapping[str, Any] | Recipe | None) -> Recipe | None:
    """A recipe whose data or model may be missing, since Python objects stand for them."""
    if trainer is None or isinstance(trainer, Recipe):
        return trainer
    named = isinstance(trainer, str | Path)
    document = find_preset("trainer", str(trainer)).document() if named else Document(trainer, "the trainer")
    check_format(document, "trainer")
    return validate(Recipe, document)


def _space(space: object, methods: Sequence[type]) -> Space | None:
    if isinstance(space, Space):
        return space
    return space_of(space, methods=methods) if isinstance(space, Policy) else None
