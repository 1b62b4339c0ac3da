"""What a policy learned, as a picture: how its numbers went over the training, and what it does to real pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator, Tensor

from automix_search.data import Batches, Splits
from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned import ModelMissing
from automix_search.policy import Augmenter, Policy
from automix_search.signals import Need

matplotlib.use("Agg")

MOST_LINES = 4
"""Numbers of a group that are drawn as lines; more of them become rows of a map."""
PROGRESSES = (0.0, 0.25, 0.5, 0.75, 1.0)
PICTURES, WIDTH, ROW, PICTURE_ROW = 10, 11.0, 3.4, 5.5

History = Sequence[Mapping[str, Any]]


def draw_learned(title: str, history: History, shown: Sequence[tuple[float, Tensor]] = ()) -> bytes:
    """A picture of what was learned, as PNG.

    Args:
        title: Stands above.
        history: Moments of a training: the progress, and groups of named numbers.
        shown: Progress, and pictures augmented as the policy does it then: float in [0, 1], `P x C x H x W`.

    Raises:
        InputError: There is neither a number nor a picture.
    """
    names = groups(history)
    heights = [ROW] * -(-len(names) // 2) + [PICTURE_ROW] * bool(shown)
    if not heights:
        raise InputError("there is nothing to draw: the policy told no numbers while it learned")
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.6), layout="constrained")
    figure.suptitle(title, wrap=True)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    for place, name in enumerate(names):
        last = place == len(names) - 1
        columns = slice(0, 2) if last and place % 2 == 0 else place % 2
        _draw_group(figure.add_subplot(grid[place // 2, columns]), name, history)
    if shown:
        _draw_pictures(figure.add_subplot(grid[-1, :]), shown)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return buffer.getvalue()


def groups(history: History) -> list[str]:
    """Names of the groups that have numbers, as they come."""
    named = (key for moment in history for key in moment if key != "progress" and moment[key])
    return list(dict.fromkeys(named))


def _draw_group(axes: Axes, name: str, history: History) -> None:
    """One group of numbers over the training: lines, or a map where there are many."""
    moments = [moment for moment in history if moment.get(name)]
    labels = list(moments[-1][name])
    progress = [float(moment["progress"]) for moment in moments]
    values = np.array([[float(moment[name].get(label, np.nan)) for label in labels] for moment in moments])
    axes.set_title(name, loc="left", fontsize=10)
    axes.set_xlabel("progress")
    if len(labels) <= MOST_LINES:
        for label, line in zip(labels, values.T, strict=True):
            axes.plot(progress, line, marker="." if len(progress) < 30 else "", label=label)
        axes.set_xlim(0, 1)
        axes.legend(fontsize=8, frameon=False)
        return
    drawn = axes.pcolormesh(progress, np.arange(len(labels)), values.T, cmap="viridis", shading="nearest")
    axes.set_yticks(np.arange(len(labels)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.figure.colorbar(drawn, ax=axes)


def _draw_pictures(axes: Axes, shown: Sequence[tuple[float, Tensor]]) -> None:
    """Rows of the same pictures, one for each progress."""
    rows = [torch.cat(list(pictures), dim=2) for _, pictures in shown]
    sheet = torch.cat(rows, dim=1).permute(1, 2, 0).numpy()
    axes.imshow(sheet if sheet.shape[2] == 3 else sheet[:, :, 0], cmap="gray", vmin=0, vmax=1)
    height = sheet.shape[0] / len(shown)
    ticks = [(place + 0.5) * height for place in range(len(shown))]
    axes.set_yticks(ticks, [f"{progress:.0%}" for progress, _ in shown])
    axes.set_xticks([])
    axes.set_title("what it does to pictures, by progress", loc="left", fontsize=10)


def augmented(policy: Policy, splits: Splits, seed: int = 0) -> list[tuple[float, Tensor]]:
    """Pictures of a data set as a frozen policy augments them at several progresses; empty where it needs a model."""
    if policy.needs() - {Need.MODEL} or (policy.learned is not None and policy.learned.needs()):
        return []
    info = splits.info
    spec = ImageSpec(info.channels, info.size, info.mean, info.std)
    try:
        policy.build(num_classes=info.num_classes, input=spec)
    except ModelMissing:
        return []
    batches = Batches(splits.train, max(2 * PICTURES, 8), torch.device("cpu"))
    batch = next(iter(batches.epoch(Generator().manual_seed(seed))))
    return [
        (progress, _seen(policy, spec, info.num_classes, batch.inputs, batch.labels, progress, seed))
        for progress in PROGRESSES
    ]


def _seen(
    policy: Policy, spec: ImageSpec, classes: int, inputs: Tensor, labels: Tensor, progress: float, seed: int
) -> Tensor:
    """The first pictures after the policy, on the scale [0, 1]; the same draws for each progress."""
    generator = Generator().manual_seed(seed)
    augmenter: Augmenter = policy.build(num_classes=classes, input=spec, generator=generator)
    images, _ = augmenter(inputs, labels, progress)
    shape = (1, spec.channels, 1, 1)
    mean, std = torch.tensor(spec.mean).view(shape), torch.tensor(spec.std).view(shape)
    return (images[:PICTURES].float() * std + mean).clamp(0, 1)
