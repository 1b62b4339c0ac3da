"""Samplers by name."""

from __future__ import annotations

import pytest
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from toys import toy_space

from automix_search.errors import InputError
from automix_search.tuning.samplers import BUILT_IN, sampler_factory


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_name_gives_a_sampler(name: str) -> None:
    assert isinstance(sampler_factory(name)(3, toy_space()), BaseSampler)


def test_tpe_sees_the_parameters_of_a_branch_together() -> None:
    sampler = sampler_factory("tpe")(0, toy_space())
    assert isinstance(sampler, TPESampler)
    assert sampler._multivariate
    assert sampler._group


def test_own_sampler_by_import_path() -> None:
    assert isinstance(sampler_factory("optuna.samplers:RandomSampler")(1, toy_space()), RandomSampler)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tpa", "unknown sampler `tpa`; did you mean `tpe`"),
        ("optuna.samplers:Nothing", "unknown name `Nothing`"),
        ("no_such_module:Sampler", "cannot import `no_such_module`"),
        ("collections:OrderedDict", "cannot make the sampler"),
        ("pathlib:Path", "does not give an optuna sampler"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sampler_factory(name)
