"""The contract of data sources: where images come from."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from pydantic import Field

from automix_search.data.content import Content, make_splits
from automix_search.data.division import Rule
from automix_search.data.splits import Splits
from automix_search.families import Spec, kind_of


class AbstractDataSource(Spec):
    """A data set that has a test split of its own.

    Members give `read`; checking, dividing, measuring and hashing is done here.
    """

    train_size: int | None = Field(
        None, ge=2, description="Use only so many of the training images; null uses all."
    )
    valid_fraction: float = Field(
        0.2, gt=0, lt=1, description="Part of the training images that becomes the validation split."
    )
    valid_size: int | None = Field(
        None, ge=1, description="Size of the validation split; counts before valid_fraction."
    )
    split_seed: int = Field(0, ge=0, description="Seed of the division, the same for every trial.")
    stratified: bool = Field(True, description="Give every split the same share of every class.")

    @abstractmethod
    def read(self) -> Content:
        """Everything the source holds.

        Raises:
            InputError: A file is missing or damaged.
        """

    def load(self) -> Splits:
        """Read, check and divide the data set.

        Raises:
            InputError: A file is missing or damaged, or images, labels or the division are not right.
        """
        return make_splits(self.read(), self.rule(), self.title())

    def title(self) -> str:
        """What to call the data set in messages and results."""
        return kind_of(type(self))

    def rule(self) -> Rule:
        """How samples are divided where the source does not say it itself."""
        return Rule(
            train_size=self.train_size,
            valid_fraction=self.valid_fraction,
            valid_size=self.valid_size,
            seed=self.split_seed,
            stratified=self.stratified,
        )


class AbstractUndividedSource(AbstractDataSource):
    """A data set that has no test split of its own, or may have none."""

    test_fraction: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Part of all images that becomes the test split, where the source has none.",
    )

    def rule(self) -> Rule:
        return replace(super().rule(), test_fraction=self.test_fraction)
