"""What policies of a search learned before it began: copied into its run folder, so that it needs nothing else.

A file is called by its hash there: `weights/9f86....safetensors`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from automix_search.documents import Tree, write_atomically
from automix_search.hashed_files import hashed_files, renamed
from automix_search.learned import Weights
from automix_search.policy import Policy
from automix_search.policy.learned_file import read_bytes
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder
from automix_search.validation import dump


def weights_of(space: Space, trainer: AbstractTrainer) -> set[Weights]:
    """All files with what was learned that a space and a trainer's own baselines name."""
    trees = [space.tree, *(dump(policy) for policy in trainer.baselines.values())]
    return {Weights(file=file, sha256=sha256) for tree in trees for file, sha256 in hashed_files(tree)}


def check_weights(space: Space, trainer: AbstractTrainer) -> bool:
    """See that every file is there and is the one that is meant; whether there are any.

    Raises:
        InputError: One is not.
    """
    for weights in (found := weights_of(space, trainer)):
        read_bytes(weights)
    return bool(found)


def keep_weights(run: RunFolder, plan: SearchPlan) -> SearchPlan:
    """Copy the files that a plan names into the run folder; the plan that names the copies.

    Raises:
        InputError: One is not there, not the one that is meant, or cannot be copied.
    """
    for weights in weights_of(plan.space, plan.trainer):
        content, copy = read_bytes(weights), run.weights_file(weights.sha256)
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            write_atomically(copy, content)
    baselines = {name: _kept_policy(run, policy) for name, policy in plan.baselines.items()}
    space = replace(plan.space, tree=kept_names(run, plan.space.tree))
    return replace(plan, space=space, baselines=baselines)


def kept_names(run: RunFolder, tree: Tree) -> Any:
    """A tree that names the copies in the run folder."""
    return renamed(tree, lambda _, sha256: str(run.weights_file(sha256)))


def _kept_policy(run: RunFolder, policy: Policy) -> Policy:
    learned = policy.learned
    if learned is None or learned.weights is None:
        return policy
    copy = learned.weights.model_copy(update={"file": str(run.weights_file(learned.weights.sha256))})
    return policy.model_copy(update={"learned": learned.model_copy(update={"weights": copy})})
