"""Speed of every mixing method, relative to `x.lerp(x[perm], share)` in the same run.

    python benchmarks/mixing.py [--batch 128] [--channels 3] [--size 32] [--threads 2] [--rounds 31]

All operations take turns within each round, so that a busy machine hurts them alike. Ours are a policy's
`mix` with all its random draws: partner, share, box, mask, and the origin of every item. The peers' times
hold their targets too; ours are in a row of their own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import timm
import torch
import torchvision
from timm.data.mixup import Mixup as TimmMixup
from torch import Generator, Tensor
from torchvision.transforms import v2

from automix_search.families import kind_of
from automix_search.mixing import MIXERS, Switch
from automix_search.randomness import Randomness

CLASSES = 100
REFERENCE = "x.lerp(x[perm], share)"

Operation = Callable[[], object]


def ours(x: Tensor, labels: Tensor) -> dict[str, Operation]:
    """Every built-in method through the switch, the switch of two, and the targets of a batch."""
    random = Randomness(Generator().manual_seed(0))
    kinds = [kind_of(member) for member in MIXERS.members if kind_of(member) != "none"]
    choices = {**{kind: [kind] for kind in kinds}, "switch of mixup and cutmix": ["mixup", "cutmix"]}
    found: dict[str, Operation] = {}
    for name, options in choices.items():
        for per in ("batch", "sample"):
            tree = {"per": per, "options": [{"method": {"kind": kind}} for kind in options]}
            found[f"{name}, per {per}"] = partial(Switch.model_validate(tree).mix, x, 0.0, random)
    batch = Switch.model_validate({"options": [{"method": {"kind": "mixup"}}]}).mix(x, 0.0, random)
    return {**found, "targets of a batch": partial(batch.targets, labels)}


def peers(x: Tensor, labels: Tensor) -> dict[str, Operation]:
    """What others offer for the same; timm's works in place, here on a batch of its own."""
    ids = labels.argmax(1)
    alphas = {"mixup": (1.0, 0.0), "cutmix": (0.0, 1.0), "mixup and cutmix": (1.0, 1.0)}
    found: dict[str, Operation] = {}
    for name, (mixup, cutmix) in alphas.items():
        for mode in ("batch", "elem"):
            timms = TimmMixup(mixup_alpha=mixup, cutmix_alpha=cutmix, mode=mode, num_classes=CLASSES)  # type: ignore[no-untyped-call]
            found[f"timm {name}, {mode}"] = partial(timms, x.clone(), ids)
    for theirs in (v2.MixUp(num_classes=CLASSES), v2.CutMix(num_classes=CLASSES)):
        found[f"torchvision {type(theirs).__name__}"] = partial(theirs, x, ids)
    return found


def floor(x: Tensor) -> dict[str, Operation]:
    """The measure, and what the bytes alone cost."""
    perm = torch.randperm(len(x))
    return {REFERENCE: lambda: x.lerp(x[perm], 0.3), "x.clone()": x.clone, "x[perm]": lambda: x[perm]}


def measure(operations: Mapping[str, Operation], rounds: int, repeats: int = 5) -> dict[str, list[float]]:
    """Seconds of each operation, round by round.

    Before its timed calls each operation is called once untimed, so that none inherits cold memory from
    another; a result is held until the next one is there, as in a training loop.
    """
    times: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(rounds):
        for name, operation in operations.items():
            result = operation()
            start = time.perf_counter()
            for _ in range(repeats):
                result = operation()
            times[name].append((time.perf_counter() - start) / repeats)
            del result
    return times


def table(times: Mapping[str, list[float]]) -> str:
    """A markdown table: medians over rounds of the times and of the ratios within a round."""
    lines = ["| operation | ms | time / lerp | quartiles |", "|---|---|---|---|"]
    for name, seconds in times.items():
        ratios = [one / other for one, other in zip(seconds, times[REFERENCE], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        lines.append(
            f"| {name} | {statistics.median(seconds) * 1e3:.3f} | {middle:.2f} | {low:.2f} – {high:.2f} |"
        )
    return "\n".join(lines)


def processor() -> str:
    """The processor's name, where Linux tells it."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=31)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    x = torch.randn(settings.batch, settings.channels, settings.size, settings.size)
    labels = torch.eye(CLASSES)[torch.randint(CLASSES, (settings.batch,))]
    times = measure({**floor(x), **ours(x, labels), **peers(x, labels)}, settings.rounds)
    shape = "x".join(map(str, x.shape))
    print(f"## {shape} float32, {settings.threads} threads, {settings.rounds} rounds\n")
    versions = [f"{module.__name__} {module.__version__}" for module in (torch, torchvision, timm)]
    print(f"{processor()}; {', '.join(versions)}; 1-minute load {os.getloadavg()[0]:.1f}\n")
    print(table(times))


if __name__ == "__main__":
    main()
