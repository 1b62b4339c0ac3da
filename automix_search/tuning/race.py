"""The race: finalists and baselines on paired seeds, judged by validation; seeds go to those that may still win."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from automix_search.compute.jobs import Job
from automix_search.evidence import Noise, Scores, residual_noise, rounds, survivors
from automix_search.training.base import Objective
from automix_search.tuning.ledger import Record
from automix_search.tuning.scores import raced, scores_of
from automix_search.tuning.stages import AbstractStage, retrained


class RaceStage(AbstractStage):
    """Trains all contenders on one fresh seed, then on two, on four, and so on, as long as several may be the best.

    A contender is out when it can no longer be the best, by what its paired differences from the leader say, or when a
    training of it fails. Whoever is left after the last seed has raced to the end; the mean decides. What a round does
    follows from how those before it ended, so nothing has to be remembered beside the ledger.

    Reference: Lindauer et al., SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter Optimization, JMLR
    2022, https://arxiv.org/abs/2109.09831 (the intensification: one seed, then twice as many while it may still win).

    Args:
        contenders: Gives the jobs that scored the contenders; called when everything before is over.
        records: The records of the search, kept up to date by the ledger.
        seeds: Training seeds, none of which the search has used.
        objective: What decides.
        confidence: With which a contender must be worse than the leader to be out, over all rounds.
        affordable: Whether so many more trainings are within the budget.
    """

    name = "race"
    waits = True

    def __init__(
        self,
        contenders: Callable[[], list[Job]],
        records: Mapping[str, Record],
        seeds: Sequence[int],
        objective: Objective,
        confidence: float,
        affordable: Callable[[int], bool] = lambda trainings: True,
    ) -> None:
        self._contenders = contenders
        self._records = records
        self._seeds = tuple(seeds)
        self._objective = objective
        self._confidence = confidence
        self._affordable = affordable
        self._jobs: dict[str, Job] | None = None
        self._round: list[Job] = []
        self._over = False

    def propose(self) -> Job | None:
        if self._jobs is None:
            self._jobs = {job.candidate: job for job in self._contenders()}
        if not self._round and not self._over:
            self._round = self._next_round(self._jobs)
        return self._round.pop(0) if self._round else None

    def _next_round(self, jobs: Mapping[str, Job]) -> list[Job]:
        """What is still to be trained of the first round that is not over; nothing while it is running."""
        racing = list(jobs)
        for count in rounds(len(self._seeds)):
            wanted = [retrained(jobs[name], "race", seed) for seed in self._seeds[:count] for name in racing]
            missing = [job for job in wanted if job.name not in self._records]
            if missing:
                return missing if self._affordable(len(missing)) else []
            if not all(self._records[job.name].ended for job in wanted):
                return []
            racing = self._left(racing, self._seeds[:count])
            if len(racing) < 2:
                break
        self._over = True
        return []

    def _left(self, racing: Sequence[str], seeds: Sequence[int]) -> list[str]:
        scores = _on(raced(self._records.values(), self._objective.metric), seeds)
        left = {name: scores[name] for name in racing if name in scores}
        if len(left) < 2:
            return list(left)
        return list(
            survivors(
                left,
                self._objective.direction,
                planned=len(rounds(len(self._seeds))),
                noise=self._noise(scores) if len(seeds) == 1 else None,
                confidence=self._confidence,
            )
        )

    def _noise(self, scores: Scores) -> Noise | None:
        """How far the baselines scatter between the search's seed and the first of the race.

        A single seed shows no noise by itself. Unlike the finalists the baselines were not chosen by their scores.
        """
        searched = scores_of(self._records.values(), "baseline", self._objective.metric)
        both = {name: {**found, **scores[name]} for name, found in searched.items() if name in scores}
        return residual_noise(both) if both else None


def _on(scores: Scores, seeds: Sequence[int]) -> dict[str, dict[int, float]]:
    """The scores on these seeds, of those contenders that have them all."""
    whole = {name: found for name, found in scores.items() if set(seeds) <= set(found)}
    return {name: {seed: found[seed] for seed in seeds} for name, found in whole.items()}
