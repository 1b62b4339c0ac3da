"""What learning a policy costs: a training step under each learned policy, relative to one under none.

    python benchmarks/learned.py [--write] [--model test_efficientnet] [--batch 128] [--size 32] [--threads 2]
                                 [--rounds 7] [--steps 12] [--only KIND ...]

A step is all that a training does between two batches: loss, backward, optimiser, the policy's own update. A round is
a short training of four epochs for each policy in turn, so that a busy machine hurts all alike and every phase of a
curriculum counts. The floor counts passes of the model alone, with a forward as a third of a plain step: what no
implementation of these equations can do without. The cheap form of a policy is one that its own fields describe.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from record import about, publish
from torch import Generator, Tensor, nn

from automix_search.learned import EpochContext, StepContext
from automix_search.policy import Augmenter, ImageSpec, Policy

CLASSES, CHANNELS, EPOCHS = 10, 3, 4
PARTS = ("loss", "backward and optimiser", "update", "before an epoch")


@dataclass(frozen=True)
class Form:
    """A policy in one form.

    Attributes:
        name: What the table calls it.
        tree: The policy, as a file writes it.
        floor: Passes of the model that it cannot do without, as a multiple of a plain step; None where that depends.
        goal: What it is to cost at most; None for the faithful form, which is to stay within 15% of its floor.
    """

    name: str
    tree: Mapping[str, Any]
    floor: float | None = None
    goal: float | None = None


def learned(kind: str, **fields: Any) -> dict[str, Any]:
    """A policy that learns, as a file writes it."""
    return {"learned": {"kind": kind, **fields}}


FORMS = (
    Form("none", {}, 1.0),
    Form("trivial_augment", {"transform": {"batch": [{"kind": "trivial_augment"}]}}, 1.0),
    Form("mixup", {"mix": {"kind": "mixup"}}, 1.0),
    Form("adamixup", learned("adamixup"), 2.0),
    Form(
        "adamixup, cheap: a tiny generator that learns every 4 steps",
        learned("adamixup", generator="tiny", update_every=4),
        1.5,
        1.6,
    ),
    # Its curriculum takes 89% of the images in the mean, and no other is to be looked at.
    Form("madaug, every 10 steps", learned("madaug", update_every=10), 1.63),
    Form(
        "madaug, every 10 steps, all images at all times",
        learned("madaug", update_every=10, offset=1.0),
        1.67,
    ),
    Form(
        "madaug, cheap: last layer, 6 operators, 32 images, half resolution, every 20 steps",
        learned(
            "madaug",
            update="last_layer",
            update_every=20,
            operators_per_update=6,
            update_batch_size=32,
            look_pool=2,
        ),
        None,
        1.4,
    ),
    Form("ada_aug", learned("ada_aug")),
    Form("automix", learned("automix"), 3.0),
    Form("automix, without the clean head", learned("automix", clean_head=False), 2.33),
    Form(
        "automix, cheap: the block every 4 steps, without the clean head",
        learned("automix", clean_head=False, update_every=4),
        None,
        1.8,
    ),
    Form("samix", learned("samix"), 3.0),
    Form("ad_automix", learned("ad_automix"), 4.0),
    Form("invariance_constrained", learned("invariance_constrained", gamma=1.0), 2.67),
    Form(
        "invariance_constrained, cheap: clean or augmented, by chance",
        learned("invariance_constrained", form="sample", gamma=1.0),
        1.67,
        1.75,
    ),
    Form("ct_augment", learned("ct_augment"), 1.33),
    Form("fast_auto_augment", learned("fast_auto_augment")),
    Form("adversarial_auto_augment", learned("adversarial_auto_augment"), 1.0),
    Form("deep_auto_augment", learned("deep_auto_augment")),
    Form("faster_auto_augment", learned("faster_auto_augment")),
    Form("dada", learned("dada")),
    Form("data_efficient, errors of the last epoch", learned("data_efficient", proxy_from="training")),
    Form("hard", learned("hard")),
)


@dataclass
class Training:
    """A small training that can be gone through again and again."""

    form: Form
    model: nn.Module
    augmenter: Augmenter
    optimizer: torch.optim.Optimizer
    inputs: Tensor
    labels: Tensor
    batch: int
    steps: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})

    def round(self) -> None:
        """Four short epochs; the seconds of each part go to `seconds`, as means over all steps."""
        spent = dict.fromkeys(PARTS, 0.0)
        for epoch in range(EPOCHS):
            for part, seconds in self._epoch(epoch):
                spent[part] += seconds
        for part, total in spent.items():
            self.seconds[part].append(total / (EPOCHS * self.steps))

    def _epoch(self, epoch: int) -> Iterator[tuple[str, float]]:
        last = time.perf_counter()

        def passed() -> float:
            nonlocal last
            before, last = last, time.perf_counter()
            return last - before

        self.augmenter.begin_epoch(epoch / EPOCHS, EpochContext(self.model, self._batches))
        yield "before an epoch", passed()
        batches = list(self._batches())
        for step in range(self.steps):
            inputs, labels, index = batches[step % len(batches)]
            search = batches[(step + 1) % len(batches)][:2] if self.augmenter.search_share else None
            progress = (epoch + step / self.steps) / EPOCHS
            passed()
            loss = self.augmenter.loss(self.model, inputs, labels, progress, index)
            yield "loss", passed()
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            yield "backward and optimiser", passed()
            context = StepContext(self.model, self.optimizer, (inputs, labels), search, progress)
            self.augmenter.update(context)
            yield "update", passed()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        index = torch.arange(len(self.labels))
        parts = (torch.split(tensor, self.batch) for tensor in (self.inputs, self.labels, index))
        yield from zip(*parts, strict=True)


def training(form: Form, settings: argparse.Namespace) -> Training:
    """A training under a policy; model and data are the same for all."""
    torch.manual_seed(0)
    draws, size = Generator().manual_seed(0), (settings.size, settings.size)
    count = 8 * settings.batch
    inputs = torch.randint(256, (count, CHANNELS, *size), generator=draws, dtype=torch.uint8)
    labels = torch.randint(CLASSES, (count,), generator=draws)
    made = [
        timm.create_model(settings.model, in_chans=CHANNELS, num_classes=CLASSES)
        for _ in ("model", "teacher")
    ]
    policy = Policy.model_validate(dict(form.tree))
    needs_teacher = policy.learned is not None and policy.learned.uses_teacher
    augmenter = policy.build(
        num_classes=CLASSES,
        input=ImageSpec(CHANNELS, size, (0.5,) * CHANNELS, (0.3,) * CHANNELS),
        model=made[0],
        teacher=made[1] if needs_teacher else None,
        generator=Generator().manual_seed(0),
    )
    groups = [{"params": list(made[0].parameters())}, *augmenter.param_groups()]
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
    return Training(form, made[0], augmenter, optimizer, inputs, labels, settings.batch, settings.steps)


def table(trainings: list[Training]) -> str:
    """A markdown table: medians over rounds of the ratios to the plain step of the same round."""
    heads = ("policy", "step / plain step", "floor", "goal", *PARTS)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    plain = [sum(parts) for parts in zip(*trainings[0].seconds.values(), strict=True)]
    for each in trainings:
        shares = {
            part: statistics.median(one / other for one, other in zip(seconds, plain, strict=True))
            for part, seconds in each.seconds.items()
        }
        totals = [sum(parts) for parts in zip(*each.seconds.values(), strict=True)]
        whole = statistics.median(one / other for one, other in zip(totals, plain, strict=True))
        goal = each.form.goal or (None if each.form.floor in (None, 1.0) else 1.15 * (each.form.floor or 1.0))
        cells = [each.form.name, f"{whole:.2f}", _number(each.form.floor), _number(goal)]
        lines.append("| " + " | ".join([*cells, *(f"{share:.2f}" for share in shares.values())]) + " |")
    milliseconds = statistics.median(plain) * 1e3
    return f"A plain step takes {milliseconds:.1f} ms.\n\n" + "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results")
    parser.add_argument("--model", default="test_efficientnet")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=12, help="steps of an epoch")
    parser.add_argument("--only", nargs="*", default=[], help="names of policies, or beginnings of them")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    wanted = [
        form
        for form in FORMS
        if form.name == "none" or not settings.only or form.name.startswith(tuple(settings.only))
    ]
    trainings = [training(form, settings) for form in wanted]
    for turn in range(settings.rounds + 1):
        for each in trainings:
            each.round()
            if turn == 0:
                each.seconds = {part: [] for part in PARTS}
    shape = f"{settings.batch}x{CHANNELS}x{settings.size}x{settings.size}"
    title = f"Learned policies, {settings.model}, {shape}, {settings.threads} threads"
    publish(f"learned-{settings.model}-{shape}", title, about(), table(trainings), write=settings.write)


if __name__ == "__main__":
    main()
