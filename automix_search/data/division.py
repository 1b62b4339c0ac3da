"""Dividing samples into training, validation and test: by seed, stratified or by group.

The test split is set apart first, then validation, then what is trained on is cut to size. Each has draws of
its own, so that a smaller training split leaves the others as they are, and is a part of the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automix_search.data.labels import Labels
from automix_search.errors import InputError


@dataclass(frozen=True)
class Rule:
    """How samples are divided where a source does not say it itself.

    Attributes:
        train_size: Use only so many of the training samples; None uses all.
        valid_fraction: Part of the training samples that becomes the validation split.
        valid_size: Size of the validation split; counts before `valid_fraction`.
        test_fraction: Part of all samples that becomes the test split.
        seed: Of the draw.
        stratified: Whether every split gets the same share of every class.
    """

    train_size: int | None = None
    valid_fraction: float = 0.2
    valid_size: int | None = None
    test_fraction: float = 0.2
    seed: int = 0
    stratified: bool = True


@dataclass(frozen=True, eq=False)
class Division:
    """Ids of the samples of each split, `(n,)` int64; None where it is still to be drawn from `train`."""

    train: np.ndarray
    valid: np.ndarray | None = None
    test: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """What a division is drawn from.

    Attributes:
        labels: Labels of all samples.
        groups: `(N,)`, samples of one group stay in one split; None puts no bond on them.
        where: The source, for messages.
    """

    labels: Labels
    groups: np.ndarray | None
    where: str


def divide(given: Division, source: Source, rule: Rule) -> dict[str, np.ndarray]:
    """Ids of the samples of `train`, `valid` and `test`, each in ascending order.

    Args:
        given: What the source says itself.
        source: All its samples.
        rule: How to draw the rest.

    Raises:
        InputError: A split would be empty, or a class too small to be in every one.
    """
    train, drawn = given.train, []
    parts: dict[str, np.ndarray | None] = {"test": given.test, "valid": given.valid}
    for number, (name, ids) in enumerate(parts.items()):
        if ids is None:
            share = _share(name, len(train), rule, source)
            parts[name], train = _set_apart(train, share, source, rule, number)
            drawn.append(name)
    if rule.train_size is not None:
        train = _cut(train, rule.train_size, source, rule)
    division = {
        "train": np.sort(train),
        **{name: np.sort(ids) for name, ids in parts.items() if ids is not None},
    }
    _check(division, source, [*drawn, "train"] if drawn or rule.train_size is not None else [], rule)
    return division


def stratified_order(strata: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random order of which every beginning holds one and the same part of every stratum, rounded.

    Args:
        strata: `(n,)` int64, the class of each sample.
        random: Source of the order.
    """
    shuffled = random.permutation(len(strata))
    by_class = shuffled[np.argsort(strata[shuffled], kind="stable")]
    counts = np.unique(strata, return_counts=True)[1]
    rank = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    mixed = random.permutation(len(strata))  # classes of one size meet in random order
    order: np.ndarray = by_class[mixed[np.argsort(rank[mixed], kind="stable")]]
    return order


def _share(name: str, count: int, rule: Rule, source: Source) -> float:
    if name == "test":
        return rule.test_fraction
    if rule.valid_size is None:
        return rule.valid_fraction
    if rule.valid_size >= count:
        raise InputError(
            f"{source.where}: `valid_size` is {rule.valid_size}, but there are only {count} training samples"
        )
    return rule.valid_size / count


def _set_apart(
    ids: np.ndarray, share: float, source: Source, rule: Rule, draw: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two parts of `ids`: a `share` of them, and the rest."""
    random = np.random.default_rng([rule.seed, draw])
    if source.groups is not None:
        return _set_groups_apart(ids, share, source, random)
    order = ids[_order(ids, source, rule, random)]
    count = round(share * len(ids))
    return order[:count], order[count:]


def _set_groups_apart(
    ids: np.ndarray, share: float, source: Source, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import StratifiedGroupKFold

    assert source.groups is not None
    groups, folds = source.groups[ids], max(2, round(1 / share))
    if len(np.unique(groups)) < folds:
        raise InputError(
            f"{source.where}: {len(np.unique(groups))} groups are too few to set {share:.0%} of the samples "
            f"apart; at least {folds} are needed"
        )
    strata = source.labels.strata[ids]
    rare = (
        np.bincount(strata)[strata] < folds
    )  # scikit-learn refuses classes smaller than the number of folds
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(random.integers(2**31)))
    rest, apart = next(splitter.split(ids, np.where(rare, -1, strata), groups))
    return ids[apart], ids[rest]


def _cut(ids: np.ndarray, size: int, source: Source, rule: Rule) -> np.ndarray:
    if size > len(ids):
        raise InputError(
            f"{source.where}: `train_size` is {size}, but only {len(ids)} samples are left for training"
        )
    order: np.ndarray = ids[_order(ids, source, rule, np.random.default_rng([rule.seed, 2]))]
    return order[:size]


def _order(ids: np.ndarray, source: Source, rule: Rule, random: np.random.Generator) -> np.ndarray:
    return (
        stratified_order(source.labels.strata[ids], random)
        if rule.stratified
        else random.permutation(len(ids))
    )


def _check(division: dict[str, np.ndarray], source: Source, drawn: list[str], rule: Rule) -> None:
    """See that no split is empty, and that every class is in every split that was drawn."""
    for name, ids in division.items():
        if len(ids) == 0:
            raise InputError(f"{source.where}: the {name} split is empty")
    if source.labels.multi_label or not rule.stratified:
        return
    counts = np.bincount(source.labels.values, minlength=len(source.labels.names))
    for name in drawn:
        absent = np.setdiff1d(np.flatnonzero(counts), source.labels.values[division[name]])
        if len(absent):
            raise InputError(
                f"{source.where}: class `{source.labels.names[absent[0]]}` has {counts[absent[0]]} samples, "
                f"but none would be in the {name} split of {len(division[name])}; give it more, enlarge the "
                f"split, or say `stratified: false`"
            )
