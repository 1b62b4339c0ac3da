"""The public names, and what it costs to import them."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, resources

import pytest

import automix_search

HEAVY = {"numpy", "optuna", "pydantic", "ray", "timm", "torch", "torchvision", "typer", "yaml"}


def modules_after(script):
    """Heavy modules that a fresh Python has imported after running a script."""
    script += f"\nimport sys; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_public_names_are_these():
    assert automix_search.__all__ == [
        "AutomixError",
        "ImageSpec",
        "InputError",
        "Policy",
        "SearchError",
        "SearchResult",
        "__version__",
        "load_policy",
        "save_policy",
        "search",
    ]
    assert dir(automix_search) == sorted(automix_search.__all__)


@pytest.mark.parametrize("name", automix_search.__all__)
def test_every_public_name_is_there(name):
    value = getattr(automix_search, name)
    assert isinstance(value, str) or value.__name__ == name


def test_the_version_is_that_of_the_distribution():
    assert automix_search.__version__ == metadata.version("automix-search")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module `automix_search` has no attribute `nonsense`"):
        automix_search.nonsense  # noqa: B018
    assert not hasattr(automix_search, "__path_that_is_not_there__")


def test_importing_the_package_imports_nothing_heavy():
    assert modules_after("import automix_search") == set()
    assert modules_after("from automix_search import InputError") == set()


def test_loading_a_policy_needs_neither_ray_nor_optuna_nor_timm():
    assert modules_after("from automix_search import load_policy") & {"ray", "optuna", "timm"} == set()


def test_the_package_says_that_it_is_typed():
    assert resources.files("automix_search").joinpath("py.typed").is_file()
