"""One training as it stands: all that changes from step to step, and so all that a checkpoint holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from automix_search.data import Batch, Batches
from automix_search.errors import InputError
from automix_search.learned import EpochContext, StepContext
from automix_search.policy import Augmenter
from automix_search.training.checkpoint import load_checkpoint, save_checkpoint
from automix_search.training.cost import Meter
from automix_search.training.optimisation import Optimisation
from automix_search.training.search_share import endless
from automix_search.training.seeding import GlobalRandom, Seeds


@dataclass
class Run:
    """A training between two epochs.

    Attributes:
        optimisation: The model and its optimiser.
        augmenter: The policy at work.
        batches: Of the training split.
        search_batches: Of the augmenter's own part of it; None without one.
        valid_batches: Of the validation split.
        seeds: Of everything random.
        random: torch's global random state of this training.
        epochs: Epochs in all.
        epoch: Epochs that are done.
        metrics: Of the last epoch that is done.
        costs: What its steps cost.
    """

    optimisation: Optimisation
    augmenter: Augmenter
    batches: Batches
    search_batches: Batches | None
    valid_batches: Batches
    seeds: Seeds
    random: GlobalRandom
    epochs: int
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    _saved_s: float = field(default_factory=time.monotonic)

    def train_epoch(self) -> float:
        """Train for one epoch; the mean loss of its steps."""
        steps, meter = len(self.batches), Meter(self.optimisation.device)
        self.augmenter.begin_epoch(
            self.epoch / self.epochs, EpochContext(self.optimisation.model, self._in_order)
        )
        search = endless(self.search_batches, self.seeds, self.epoch)
        total: Tensor | None = None
        for step, batch in enumerate(
            self.batches.epoch(self.seeds.order_of(self.epoch)), start=self.epoch * steps
        ):
            loss = self.train_step(batch, search, step, steps * self.epochs)
            total = loss if total is None else total + loss
        self.epoch += 1
        mean = float(total) / steps if total is not None else 0.0
        self.costs = meter.read(steps)
        return mean

    def _in_order(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The training split once, in its order: inputs, labels, ids."""
        for batch in self.batches.epoch(None):
            yield batch.inputs, batch.labels, batch.index

    def train_step(
        self, batch: Batch, search: Iterator[tuple[Tensor, Tensor] | None], step: int, steps: int
    ) -> Tensor:
        """Step number `step` of `steps`; its loss stays on the device, so that the host does not wait."""
        model, progress = self.optimisation.model, step / steps
        with self.optimisation.autocast():
            loss = self.augmenter.loss(model, batch.inputs, batch.labels, progress, batch.index)
        self.optimisation.step(loss, (step + 0.5) / steps)
        context = StepContext(
            model, self.optimisation.optimizer, (batch.inputs, batch.labels), next(search), progress
        )
        self.augmenter.update(context)
        return loss.detach()

    def resume(self, path: Path | None) -> bool:
        """Go on from a checkpoint, if there is one; whether there was.

        Raises:
            InputError: It is damaged, or of another model or recipe.
        """
        if path is None or not path.exists():
            return False
        self.load(path)
        return True

    def load(self, path: Path) -> None:
        """Go on from a checkpoint, which may be of a training under another policy.

        Raises:
            InputError: It is not there, or damaged, or of another model or recipe.
        """
        state = load_checkpoint(path)
        if state["epochs"] != self.epochs:
            raise InputError(
                f"the checkpoint {path} is of a training of {state['epochs']} epochs, not {self.epochs}"
            )
        self.optimisation.load_state_dict(state["optimisation"])
        self.augmenter.load_state_dict(state["augmenter"])
        self.random.load_state_dict(state["random"])
        self.epoch, self.metrics = state["epoch"], state["metrics"]

    def keep(self, path: Path | None, every_s: float) -> None:
        """Write a checkpoint if the last one, or the start, is `every_s` seconds ago."""
        if path is not None and time.monotonic() - self._saved_s >= every_s:
            save_checkpoint(self.state_dict(), path)
            self._saved_s = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here."""
        return {
            "epochs": self.epochs,
            "epoch": self.epoch,
            "metrics": self.metrics,
            "optimisation": self.optimisation.state_dict(),
            "augmenter": self.augmenter.state_dict(),
            "random": self.random.state_dict(),
        }
