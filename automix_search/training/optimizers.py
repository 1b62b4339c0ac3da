"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import torch
from pydantic import Field, JsonValue, field_validator
from torch import nn

from automix_search.errors import InputError, unknown_name
from automix_search.families import Spec
from automix_search.ranges import Range


class OptimizerSettings(Spec):
    """An optimiser of timm's factory; biases and norms are left out of weight decay, as timm does."""

    name: str = Field(
        "sgd", description="As timm's optimiser factory calls it: sgd, adamw, lamb, lion, muon, ..."
    )
    lr: Annotated[float, Range(1e-4, 1.0, log=True)] = Field(0.1, gt=0, description="Highest learning rate.")
    weight_decay: Annotated[float, Range(1e-6, 0.1, log=True)] = Field(5e-4, ge=0)
    momentum: Annotated[float, Range(0.8, 0.98)] = Field(
        0.9, ge=0, lt=1, description="Where the optimiser has one."
    )
    layer_decay: Annotated[float | None, Range(0.5, 1.0)] = Field(
        None, gt=0, le=1, description="Factor on the rate from each layer to the one below it."
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="More arguments of the optimiser."
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        timm = _timm()
        known = [item for item in timm.list_optimizers() if not timm.get_optimizer_info(item).second_order]
        if name not in known:
            raise ValueError(unknown_name("optimiser", name, known))
        return name

    def build(self, model: nn.Module, more: Iterable[dict[str, Any]] = ()) -> torch.optim.Optimizer:
        """The optimiser of a model's parameters, and of `more` parameter groups.

        Raises:
            InputError: The optimiser does not take these options, or is not installed.
        """
        try:
            optimizer: torch.optim.Optimizer = _timm().create_optimizer_v2(
                model,
                self.name,
                lr=self.lr,
                weight_decay=self.weight_decay,
                momentum=self.momentum,
                layer_decay=self.layer_decay,
                **self.options,
            )
        except (TypeError, ValueError, ImportError, AssertionError, RuntimeError) as error:
            raise InputError(f"the optimiser `{self.name}` cannot be made: {error}") from None
        scales = {group.get("lr_scale") for group in optimizer.param_groups}
        if self.layer_decay not in (None, 1) and len(scales) == 1:
            raise InputError(
                "`optimizer.layer_decay` has no effect: the model does not tell its layers apart"
            )
        for group in more:
            optimizer.add_param_group(group)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return optimizer


def _timm() -> Any:
    """The optimisers of timm, imported where they are needed, since that takes seconds."""
    import timm.optim

    return timm.optim
