"""Finds the best augmentation policy for a data set and a model, and shows whether it is really better.

Names load on first use, so that `import automix_search` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automix_search.api import SearchResult, search
    from automix_search.errors import AutomixError, InputError, SearchError
    from automix_search.policy import ImageSpec, Policy, load_policy, save_policy

    __version__: str

__all__ = [
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

_HOMES = {
    "api": ("SearchResult", "search"),
    "errors": ("AutomixError", "InputError", "SearchError"),
    "policy": ("ImageSpec", "Policy", "load_policy", "save_policy"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("automix-search")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted(__all__)
