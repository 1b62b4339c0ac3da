"""Data that a function of the user's own makes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content
from automix_search.data.torch_data import Holding, content_of
from automix_search.errors import InputError
from automix_search.user_code import load_object


class Function(AbstractUndividedSource):
    """What a function of your own returns: (train, valid, test).

    Each is a pair of arrays or tensors (images, labels), or a map-style torch data set; `valid` and `test`
    may be None and are then drawn from `train`. The function is called without arguments, when data is
    loaded.
    """

    kind: Literal["function"] = "function"
    function: str = Field(description="`package.module:function` or `file.py:function`.")
    memory_gb: float = Field(
        2.0, ge=0, description="Hold images in memory up to this size; stream beyond it."
    )
    workers: int = Field(
        0, ge=0, description="Processes that read ahead; they must be able to import the data set."
    )
    normalised: bool = Field(
        False, description="Whether images come normalised, so that they may lie outside [0, 1]."
    )

    def title(self) -> str:
        return f"function {self.function}"

    def read(self) -> Content:
        function = load_object(self.function)
        if not callable(function):
            raise InputError(f"`{self.function}` must be a function, not {type(function).__name__}")
        result = function()
        if not isinstance(result, tuple) or len(result) != 3:
            raise InputError(
                f"`{self.function}` must return (train, valid, test), but returned {type(result).__name__}"
            )
        return content_of(*result, self.title(), Holding(self.memory_gb, self.workers, self.normalised))
