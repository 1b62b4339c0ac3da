"""Spaces written into a test."""

import textwrap
from typing import Annotated, Literal

import pytest
from pydantic import Field

from automix_search.documents import parse_yaml
from automix_search.errors import InputError
from automix_search.families import Family, Spec
from automix_search.ranges import Range
from automix_search.spaces import Space, read_space


class AbstractOptimiser(Spec):
    """A family of a recipe."""


class Sgd(AbstractOptimiser):
    """One of its kinds."""

    kind: Literal["sgd"] = "sgd"
    lr: Annotated[float, Range(0.01, 1.0, log=True)] = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)


class Adam(AbstractOptimiser):
    """Another."""

    kind: Literal["adam"] = "adam"
    lr: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(1e-3, gt=0)


OPTIMISERS = Family("optimiser", AbstractOptimiser, (Sgd, Adam))


class Recipe(Spec):
    """Settings of a trainer."""

    epochs: Annotated[int, Range(5, 50)] = Field(10, ge=1)
    note: str = "mine"
    optimiser: Annotated[AbstractOptimiser, OPTIMISERS] = Sgd(lr=0.3)


def space(text: str, **reading: object) -> Space:
    """The space of a file that holds `text` under its first line; line numbers in messages start at 2."""
    text = "format: automix-search/space/1\n" + textwrap.dedent(text).lstrip("\n")
    return read_space(parse_yaml(text, "my.yaml"), **reading)


def refusal(text: str, **reading: object) -> str:
    """What is said to whoever writes `text`."""
    with pytest.raises(InputError) as caught:
        space(text, **reading)
    return str(caught.value)


def names(text: str, **reading: object) -> list[str]:
    """Names of the parameters of a space."""
    return [parameter.name for parameter in space(text, **reading).parameters]


RICH = """
    transform:
      batch:
        - {choice: [null, hflip]}
        - {kind: hflip, probability: default}
        - {choice: {soft: {kind: affine, degrees: {range: [1, 5]}}, hard: {kind: affine, degrees: 30}}}
        - {kind: random_crop, padding: default}
    mix:
      choice:
        - none
        - mixup
        - {kind: cutmix, alpha: {range: [0.1, 2], log: true}, probability: default}
        - kind: switch
          per: default
          options: [{method: cutmix, weight: default}, {method: mixup}]
    loss: {kind: soft_cross_entropy, smoothing: {range: [0, 0.2]}}
"""
