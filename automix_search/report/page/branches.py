"""The branches of a space: parameters that every trial has, and those that hang on a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automix_search.ranges import Scalar
from automix_search.report.page.material import Material
from automix_search.spaces.holes import Hole
from automix_search.tuning.ledger import Record


@dataclass(frozen=True)
class Branch:
    """A part of a space.

    Attributes:
        choice: The choice that leads there and the label taken; None for what every trial has.
        holes: Its parameters, deeper ones among them.
        records: Trials that took the choice and have a score of their own: those that came to their end.
        stopped: Trials that took the choice and were stopped early.
    """

    choice: tuple[str, Scalar] | None
    holes: Sequence[Hole]
    records: Sequence[Record]
    stopped: Sequence[Record]

    @property
    def name(self) -> str:
        """The choice that leads there: `mix = cutmix`."""
        if self.choice is None:
            return "any choice"
        name, label = self.choice
        return f"{name} = {'null' if label is None else label}"

    @property
    def title(self) -> str:
        """What is shown of it, in words."""
        return "What every trial has" if self.choice is None else f"Trials with {self.name}"

    @property
    def names(self) -> list[str]:
        """The parameters in short: the last two parts of a name, or as many as tell them apart."""
        whole = [hole.name for hole in self.holes]
        return [_short(name, [other for other in whole if other != name]) for name in whole]


def branches_of(material: Material) -> list[Branch]:
    """The common part, then one branch for each option of a first choice that has parameters of its own."""
    trials = [record for record in material.records.values() if record.stage == "search"]
    grouped: dict[tuple[str, Scalar] | None, list[Hole]] = {None: []}
    for hole, context in material.holes:
        grouped.setdefault(context[0] if context else None, []).append(hole)
    return [
        Branch(choice, holes, taken(trials, choice, "finished"), taken(trials, choice, "pruned"))
        for choice, holes in grouped.items()
        if holes
    ]


def taken(trials: Sequence[Record], choice: tuple[str, Scalar] | None, state: str) -> list[Record]:
    """Trials in a state that took a choice."""
    return [
        record
        for record in trials
        if record.state == state and (choice is None or _took(record.asked["params"], choice))
    ]


def _took(params: Mapping[str, Scalar], choice: tuple[str, Scalar]) -> bool:
    name, label = choice
    return (
        name in params and params[name] == label and isinstance(params[name], bool) == isinstance(label, bool)
    )


def _short(name: str, others: Sequence[str]) -> str:
    parts = name.split(".")
    ends = (".".join(parts[-length:]) for length in range(2, len(parts) + 1))
    return next((end for end in ends if not any(f".{other}".endswith(f".{end}") for other in others)), name)
