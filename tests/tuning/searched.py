"""Searches over a space whose objective is a formula: nothing is trained."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import optuna

from automix_search.documents import parse_yaml
from automix_search.spaces import Space, read_space
from automix_search.tuning.samplers import sampler_factory

TEXT = """format: automix-search/space/1
transform:
  batch:
    - {{kind: affine, degrees: {{range: [0, 30]{degrees}}}, translate: {{range: [0, 0.2]{translate}}}, scale: 0.0}}
mix:
  choice:
    - none
    - {{kind: mixup, alpha: {{range: [0.1, 4.0], log: true{alpha}}}, probability: {{range: [0.25, 1.0]{probability}}}}}
    - {{kind: cutmix, alpha: {{range: [0.1, 4.0], log: true{alpha}}}, probability: {{range: [0.25, 1.0]{probability}}}}}
    - {{kind: resizemix, probability: {{range: [0.25, 1.0]}}}}
  {mix}
loss: {{kind: soft_cross_entropy, smoothing: {{range: [0, 0.2]{smoothing}}}}}
"""


def space_with(mix: str = "", **priors: float) -> Space:
    """The space with a prior for each parameter that is named."""
    names = ("degrees", "translate", "alpha", "probability", "smoothing")
    written = {name: f", prior: {priors[name]}" if name in priors else "" for name in names}
    text = TEXT.format(mix=f"prior: {mix}" if mix else "", **written)
    return read_space(parse_yaml(text, "my.yaml"))


UNKNOWN = space_with()
GOOD = space_with("cutmix", degrees=10, translate=0.05, alpha=1.0, probability=0.5, smoothing=0.1)
BAD = space_with("none", degrees=30, translate=0.2, alpha=0.1, probability=1.0, smoothing=0.0)


def regret(point: Mapping[str, object]) -> float:
    """How far a point is from the best: CutMix of alpha 0.9 in 55% of the batches, turns of 10 degrees, ...."""
    best = {"transform.batch.affine.degrees": (10, 30), "transform.batch.affine.translate": (0.06, 0.2)}
    best |= {"loss.smoothing": (0.09, 0.2)}
    lost = sum(((point[name] - at) / width) ** 2 for name, (at, width) in best.items())  # type: ignore[operator]
    method = point["mix"]
    if method not in ("mixup", "cutmix"):
        return float(lost) + 0.5
    at, extra = (0.9, 0.0) if method == "cutmix" else (0.3, 0.15)
    alpha, probability = float(point[f"mix.{method}.alpha"]), float(point[f"mix.{method}.probability"])  # type: ignore[arg-type]
    off = (math.log(alpha / at) / math.log(40)) ** 2 + ((probability - 0.55) / 0.75) ** 2
    return float(lost) + extra + off


def search(space: Space, sampler: str, seed: int, trials: int) -> optuna.Study:
    """A study of so many trials, each proposed by a sampler of its own, as searches do it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, factory = optuna.create_study(), sampler_factory(sampler)
    for number in range(trials):
        study.sampler = factory(1000 * seed + number, space)
        trial = study.ask()
        study.tell(trial, regret(space.suggest(trial)))
    return study


def mean_regret(space: Space, sampler: str, trials: int, seeds: int) -> float:
    """The best regret of so many trials, on average over seeds."""
    return statistics.mean(search(space, sampler, seed, trials).best_value for seed in range(seeds))
