"""An optimiser at work: backward, clipping, learning rate, precision, moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler, autocast
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from automix_search.errors import InputError
from automix_search.training.recipe import Recipe


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's learning rate, layer-wise decay included."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * group.get("lr_scale", 1.0) * factor


class Optimisation:
    """An optimiser at work on a model, by a recipe.

    Args:
        model: The model, on its device.
        recipe: How to optimise.
        device: Where the model lies.
        more: Parameter groups that are trained along with the model.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, device: torch.device, more: Iterable[dict[str, Any]] = ()
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.optimizer = recipe.optimizer.build(model, more)
        self.average = None if recipe.ema is None else _moving_average(model, recipe.ema)
        self.device = device
        self._scaler = GradScaler(device.type, enabled=recipe.precision == "float16")

    @property
    def best_model(self) -> nn.Module:
        """The model to evaluate: the moving average where there is one."""
        return self.model if self.average is None else self.average.module

    def autocast(self) -> autocast:
        """The recipe's precision, for forward passes."""
        dtype = getattr(torch, self.recipe.precision)
        return autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32)

    def step(self, loss: Tensor, progress: float) -> None:
        """One step down the gradient of `loss`, at `progress` in (0, 1); the host waits for no device."""
        set_rate(self.optimizer, self.recipe.lr_schedule.factor(progress, self.recipe.epochs))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self._scaler.scale(loss))
        if self.recipe.clip_grad is not None:
            self._scaler.unscale_(self.optimizer)
            trained = [one for group in self.optimizer.param_groups for one in group["params"]]
            nn.utils.clip_grad_norm_(trained, self.recipe.clip_grad)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)

    @property
    def rate(self) -> float:
        """The learning rate of the last step, without layer-wise decay."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"]) / float(group.get("lr_scale", 1.0))

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`.

        Raises:
            InputError: It is the state of another model or optimiser.
        """
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"the checkpoint is of another model or recipe: {str(error).splitlines()[0]}"
            ) from None
        self._scaler.load_state_dict(state["scaler"])


def _moving_average(model: nn.Module, decay: float) -> AveragedModel:
    update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)
