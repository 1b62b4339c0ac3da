"""The plan of a search, told before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automix_search.compute.jobs import Executor
from automix_search.evidence import FEWEST_SEEDS, needed_effect
from automix_search.families import kind_of
from automix_search.report.estimate import budget_told, longest, time_told, trainings_told
from automix_search.report.fidelity import stopping_told
from automix_search.report.tally import trials_of
from automix_search.report.wording import count
from automix_search.spaces import Parameter
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.stopping import Asha
from automix_search.tuning.strategies import Pba

BETTER = {"max": "higher", "min": "lower"}
MOST_PARAMETERS = 16
"""So many parameters are told one by one."""


def plan_view(
    plan: SearchPlan,
    executor: Executor,
    *,
    origins: Mapping[str, str],
    run: Path,
    epoch_s: float | None,
    done: int = 0,
    trackers: Sequence[str] = (),
) -> RenderableType:
    """What is searched, with what it is compared, how long it takes, where it runs and where results go.

    Args:
        plan: What the search does.
        executor: Where it does it.
        origins: Where space, trainer and cluster were found.
        run: The run folder.
        epoch_s: Seconds of one epoch; None if not known.
        done: Trainings that an earlier process has ended.
        trackers: The trackers that are told of it.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("space", Text(_space(plan, origins["space"])))
    if plan.space.parameters:
        table.add_row("", _parameters(plan.space.parameters))
    for label, text in _rows(plan, executor, origins, epoch_s, done):
        table.add_row(label, Text(text))
    table.add_row("results", Text(f"{run}/"))
    if trackers:
        table.add_row("told to", Text(", ".join(trackers)))
    return Group("", table, "")


def _rows(
    plan: SearchPlan, executor: Executor, origins: Mapping[str, str], epoch_s: float | None, done: int
) -> list[tuple[str, str]]:
    return [
        ("trainer", _trainer(plan, origins["trainer"])),
        ("against", ", ".join(plan.baselines)),
        ("trials", _trials(plan)),
        *_first(plan, origins),
        *([("stopping", stopping_told(plan, plan.stopping))] if isinstance(plan.stopping, Asha) else []),
        *_deciding(plan),
        ("where", _where(executor, origins["cluster"])),
        ("in all", trainings_told(plan) + (f"; {done} of them are done" if done else "")),
        ("time", time_told(plan, epoch_s, executor.workers, done)),
        *(
            []
            if plan.budget is None
            else [("budget", budget_told(plan, plan.budget, epoch_s, executor.place))]
        ),
    ]


def _space(plan: SearchPlan, origin: str) -> str:
    parameters = plan.space.parameters
    holds = count(len(parameters), "parameter") if parameters else "one point, nothing to search"
    return f"{plan.space.name}, {holds}{_from(origin)}"


def _from(origin: str) -> str:
    """Where something was found, the user's own folder left out; nothing where it was no file."""
    path = Path(origin)
    if not path.suffix:
        return ""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f" · {shown}"


def _parameters(parameters: Sequence[Parameter]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(overflow="fold")
    for parameter in parameters[:MOST_PARAMETERS]:
        condition = f", if {parameter.condition}" if parameter.condition else ""
        table.add_row(Text(parameter.name), Text.assemble(parameter.text, (condition, "dim")))
    if len(parameters) > MOST_PARAMETERS:
        table.add_row(Text(f"and {len(parameters) - MOST_PARAMETERS} more", style="dim"))
    return table


def _trainer(plan: SearchPlan, origin: str) -> str:
    about = plan.trainer.describe()
    objective = plan.trainer.objective
    goals = " and ".join(f"{each.metric}, {BETTER[each.direction]} is better" for each in objective.all)
    guides = f" ({objective.metric} guides early stopping and the verdict)" if objective.also else ""
    parts = (_model(about), _data(about.get("data")), goals + guides)
    return ", ".join(part for part in parts if part) + _from(origin)


def _model(about: Mapping[str, Any]) -> str:
    model = about.get("model") or about.get("trainer", "")
    return str(model["name"] if isinstance(model, Mapping) and "name" in model else model)


def _data(data: Any) -> str:
    if not isinstance(data, Mapping) or "train" not in data:
        return ""
    splits = " / ".join(f"{data.get(split, 0):,}" for split in ("train", "valid", "test"))
    return f"{data.get('name', 'data')} ({splits} train / valid / test)"


def _trials(plan: SearchPlan) -> str:
    if isinstance(plan.strategy, Pba):
        return _population(plan, plan.strategy)
    stopping = kind_of(type(plan.stopping))
    early = "each to its end" if stopping == "none" else f"stopped early by {stopping}"
    most = "up to " if longest(plan) > plan.length else ""
    length = f"{most}{count(longest(plan), 'epoch')}"
    first = len(plan.portfolio)
    chosen = f"the first {first} known beforehand, the others chosen" if first else "chosen"
    return f"{trials_of(plan)} × {length}, {chosen} by {plan.sampler} (seed {plan.seed}), {early}"


def _first(plan: SearchPlan, origins: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is tried before the sampler proposes anything."""
    told = ", ".join(point.origin for point in plan.portfolio)
    earlier = f"points of earlier runs: {origins['warm start']}" if "warm start" in origins else ""
    return [("first", "; ".join(filter(None, (told, earlier))))] if told or earlier else []


def _population(plan: SearchPlan, strategy: Pba) -> str:
    parts = f"{strategy.generations(plan.length)} × {count(strategy.interval, 'epoch')}"
    return (
        f"a population of {strategy.population}, {parts}, whose policies change in between (seed {plan.seed}); "
        f"then the schedule of the best from scratch, {count(plan.length, 'epoch')}"
    )


def _deciding(plan: SearchPlan) -> list[tuple[str, str]]:
    """The race and the confirmation."""
    if not plan.finalists:
        return [("verdict", "none: scores of the search are all there will be")]
    return [("race", _race(plan)), ("verdict", _verdict(plan))]


def _race(plan: SearchPlan) -> str:
    if not plan.races:
        return "none: of the Pareto front the point nearest to the ideal one is judged"
    finalists, seeds = count(plan.finalists, "trial"), count(plan.race_seeds, "fresh seed")
    return f"the best {finalists} and the baselines, by validation, on up to {seeds} each"


def _verdict(plan: SearchPlan) -> str:
    seeds, baselines = plan.confirm_seeds, len(plan.baselines)
    against = f"the best trial against each baseline, on {count(seeds, 'more seed')} and the test split"
    if seeds < FEWEST_SEEDS:
        return f"{against}; no difference can be shown with fewer than {FEWEST_SEEDS} seeds"
    effect, at_least = (needed_effect(many, baselines, plan.confidence) for many in (seeds, FEWEST_SEEDS))
    return (
        f"{against}; `better` takes a gain of {effect:.2g} standard deviations of the paired differences "
        f"({at_least:.2g} with {FEWEST_SEEDS} seeds, the fewest)"
    )


def _where(executor: Executor, origin: str) -> str:
    place, workers = executor.place, executor.workers
    many = "as many workers as the cluster holds" if workers is None else count(workers, "worker")
    return f"{many} × {count(place.threads, 'thread')} on {place.device}{_from(origin)}"
