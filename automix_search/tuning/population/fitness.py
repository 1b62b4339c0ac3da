"""Whether a space and a trainer are fit for a population."""

from __future__ import annotations

from automix_search.errors import InputError
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer
from automix_search.tuning.population.explore import Weakest
from automix_search.tuning.strategies import Pba

MUTABLE = ("transform", "mix")
"""Parts of a policy that may change while a model trains."""


def check_population(strategy: Pba, space: Space, trainer: AbstractTrainer, epochs: int | None) -> None:
    """See that a population can be trained, before anything starts.

    Args:
        strategy: How.
        space: What is searched.
        trainer: Scores policies.
        epochs: Number of epochs that overrides the trainer's.

    Raises:
        InputError: It cannot.
    """
    if not trainer.forks:
        raise InputError(
            f"the strategy `pba` goes on from checkpoints, and {type(trainer).__name__} does not say that it can: "
            f"heed `origin` and `until` of the assignment and set `forks = True`"
        )
    if space.is_point:
        raise InputError(f"the strategy `pba` needs something to change, but {space.name} has no parameter")
    names = [parameter.name for parameter in space.parameters]
    fixed = next((name for name in names if name.split(".")[0] not in MUTABLE), None)
    if fixed is not None:
        raise InputError(
            f"the strategy `pba` changes a policy while a model trains, so it searches `transform` and `mix` only, "
            f"but {space.name} has the parameter `{fixed}`"
        )
    if space.fill(space.suggest(Weakest())).policy.learned is not None:
        raise InputError("the strategy `pba` changes policies itself; search one that learns by `sampling`")
    length = length_of(space, trainer, epochs)
    if strategy.interval >= length:
        raise InputError(
            f"`strategy.interval` must be below the epochs of a training, {length}, but got {strategy.interval}"
        )


def length_of(space: Space, trainer: AbstractTrainer, epochs: int | None) -> int:
    """Epochs of every training: those that are asked for, those that the space says, or the trainer's own."""
    settings = space.fill(space.suggest(Weakest())).settings
    return epochs or getattr(settings, "epochs", None) or trainer.epochs
