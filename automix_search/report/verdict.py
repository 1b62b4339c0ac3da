"""What a search has shown, said no better than it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix_search.evidence import Comparison, Verdict
from automix_search.report.next_steps import command
from automix_search.report.wording import count, interval, listed, number, percent, score, signed
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import Row


def verdict_told(
    rows: Sequence[Row], objective: Objective, verdict: Verdict | None, run: Path | None = None
) -> str:
    """How the best trial stands to the baselines, and what follows from it; one line for each sentence.

    Args:
        rows: The leaderboard, best first.
        objective: What was optimised.
        verdict: What the confirmation says; None where nothing was confirmed.
        run: The run folder, for a command that goes on from it.
    """
    scored = [row for row in rows if row.search is not None]
    if not scored:
        return "No training has come to its end, so there is no winner."
    if verdict is None:
        return _unconfirmed(scored, objective)
    chances = "" if verdict.chance_of_best is None else _chances(verdict.chance_of_best)
    advice = _advice(verdict, scored, run)
    again, silent = _looks(verdict), _silent(verdict, rows)
    sentences = (sentence(verdict), again, silent, chances, advice, _leader(scored[0]))
    return "\n".join(part for part in sentences if part)


def sentence(verdict: Verdict) -> str:
    """The verdict in one sentence."""
    decisive = _decisive(verdict)
    evidence = _evidence(decisive, verdict)
    name, against = verdict.candidate, f"`{decisive.against}`"
    match verdict.answer:
        case "better":
            return f"Better: {name} beats every baseline, {against}, the closest of them, by {evidence}."
        case "worse":
            return f"Worse: {name}, the best trial, stays behind {against}: {evidence}."
        case "equal":
            return (
                f"Equal: {name}, the best trial, is no more than {number(verdict.margin)} "
                f"better or worse than {against}: {evidence}."
            )
        case _:
            return (
                f"Undecided: {count(decisive.seeds, 'seed')} cannot tell whether {name}, the best trial, "
                f"is better than {against}: {evidence}."
            )


def _decisive(verdict: Verdict) -> Comparison:
    """The comparison that the answer hangs on: of those with this answer, the one over which least is gained."""
    same = [each for each in verdict.comparisons if each.answer == verdict.answer]
    return min(same or verdict.comparisons, key=lambda each: each.gain)


def _evidence(found: Comparison, verdict: Verdict) -> str:
    """A gain with what it is worth."""
    told = f"{signed(found.gain)} test {verdict.metric}"
    if found.interval is None or found.p_holm is None:
        return f"{told} (no interval: {count(found.seeds, 'paired seed')} show no spread)"
    together = f", Holm over {len(verdict.comparisons)}" if len(verdict.comparisons) > 1 else ""
    return (
        f"{told} ({percent(found.confidence)} interval {interval(found.interval)}, "
        f"p = {found.p_holm:.2g}{together}, {count(found.seeds, 'paired seed')})"
    )


def _advice(verdict: Verdict, rows: Sequence[Row], run: Path | None) -> str:
    """What to do now."""
    if verdict.answer == "better":
        return ""
    baseline = next((row.name for row in rows if row.baseline), None)
    if verdict.answer in ("worse", "equal"):
        return f"Searching was not worth it here: train with `{baseline}`, the best baseline on validation."
    return _to_settle(verdict, rows, run)


def _to_settle(verdict: Verdict, rows: Sequence[Row], run: Path | None) -> str:
    settled = verdict.to_settle
    if settled is None:
        return "No practical number of seeds would settle it: take what is cheaper."
    trainings = count(settled.seeds * len(verdict.scores), "training")
    told = (
        f"If means and spread stay as they are, {settled.seeds} fresh seeds settle it ({trainings} to judge)"
    )
    row = next(row for row in rows if row.name == verdict.candidate)
    if run is None or row.population_s is not None:  # a schedule is no point of the space
        return f"{told}."
    return f"{told}:\n{_again(verdict, settled.seeds, run)}"


def _again(verdict: Verdict, seeds: int, run: Path) -> str:
    """What to type for a confirmation of the same candidate, the best that a warm start finds, on other seeds."""
    fresh = str(max(verdict.seeds))  # a seed that no search begins with by itself
    point = ("--warm-start", str(run), "--trials", "1", "--sampler", "random", "--set", "portfolio=1")
    options = (*point, "--seed", fresh, "--set", "race.seeds=1", "--set", f"confirm.seeds={seeds}")
    return command("launch", run / "launch.yaml", *options, "--name", f"{run.name}-again")


def _looks(verdict: Verdict) -> str:
    """That this is not the first look, and what follows from it."""
    if verdict.looks == 1:
        return ""
    return (
        f"This is look {verdict.looks} at the test split: trials were added after an answer had been seen. "
        f"Each look is held to half the error of the one before."
    )


def _silent(verdict: Verdict, rows: Sequence[Row]) -> str:
    """Baselines of which there is no test score to compare with."""
    compared = {verdict.candidate, *(each.against for each in verdict.comparisons)}
    missing = [f"`{row.name}`" for row in rows if row.baseline and row.name not in compared]
    return f"Nothing is said of {listed(missing)}, which has no test scores." if missing else ""


def _leader(row: Row) -> str:
    """Which policy the run gives out, and why."""
    if row.distance is not None:
        return f"policy.yaml is `{row.name}`, of the Pareto front the point nearest to the ideal one."
    found = (
        f"{score(row.valid)} in the race"
        if row.valid
        else f"{number(row.search)} in the search, without a race"
    )
    return f"policy.yaml is `{row.name}`, who leads on validation: {found}."


def _chances(chances: dict[str, float]) -> str:
    ordered = sorted(chances.items(), key=lambda item: -item[1])
    told = listed([f"{name} {percent(round(chance, 2))}" for name, chance in ordered if chance >= 0.005])
    return f"Chance of being the best of them: {told}."


def _unconfirmed(scored: Sequence[Row], objective: Objective) -> str:
    winner = scored[0]
    rival = next((row for row in scored if row.baseline != winner.baseline), None)
    opening = f"{winner.name} leads with {objective.metric} {number(winner.search)} on the validation split"
    if rival is not None:
        kind = "best trial" if winner.baseline else "best baseline"
        opening += f"; the {kind}, {rival.name}, has {number(rival.search)}"
    return f"{opening}.\nThis is not confirmed on fresh seeds: the best of many scores is always partly luck."
