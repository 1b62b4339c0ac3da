"""Speed of every mixing method, relative to `x.lerp(x[perm], share)` in the same run.

    python benchmarks/mixing.py [--write] [--memory default|fresh|kept] [--batch 128] [--channels 3] [--size 32]
                                [--threads 2] [--rounds 31] [--only KIND ...]

All operations take turns within each round, so that a busy machine hurts them alike. Ours are a policy's
`mix` with all its random draws: partner, share, box, mask, and the origin of every item. What a method looks at
(saliency, attention, features) is given, as it is for the peers: what it costs stands in the column of passes.

The measure itself depends on the allocator: where it hands out pages fresh from the system, every tensor of a
megabyte pays for page faults, and where it keeps them it pays nothing. By default glibc does now this, now
that. So the process can be started anew with glibc told to do the one or the other; `fresh` is its first
threshold (mmap from 128 KiB on), `kept` never gives memory back.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import timm
import torch
from record import about, publish
from timm.data.mixup import Mixup as TimmMixup
from torch import Generator, Tensor
from torchvision.transforms import v2

from automix_search.families import kind_of
from automix_search.mixing import MIXERS, AbstractMixer, Switch
from automix_search.mixing.salient.puzzlemix import PuzzleMix
from automix_search.policy import ImageSpec, Policy
from automix_search.randomness import Randomness
from automix_search.signals import extra_passes
from automix_search.testing.signals import GivenSignals

CLASSES = 100
REFERENCE = "x.lerp(x[perm], share)"
ALLOCATORS: dict[str, dict[str, str]] = {
    "default": {},
    "fresh": {"MALLOC_MMAP_THRESHOLD_": str(2**17)},
    "kept": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**26)},
}

Operation = Callable[[], object]


class Seen(GivenSignals):
    """Signals that are there already: each map is drawn once, outside the time."""

    def __init__(self, images: Tensor) -> None:
        super().__init__(images, classes=CLASSES, grid=(8, 8))
        names = ("labels", "saliency", "attention", "features", "class_maps", "logits")
        self.given = {name: getattr(self, name)() for name in names}


def methods(only: list[str]) -> dict[str, AbstractMixer]:
    """Every built-in method that mixes, and a few with other settings."""
    found: dict[str, AbstractMixer] = {
        **{kind_of(member): member() for member in MIXERS.members},  # type: ignore[misc]
        "puzzlemix without transport": PuzzleMix(transport=False),
    }
    del found["none"]
    return {name: mixer for name, mixer in found.items() if not only or kind_of(type(mixer)) in only}


def ours(x: Tensor, labels: Tensor, only: list[str]) -> dict[str, Operation]:
    """Every built-in method through the switch, the switch of two, and the targets of a batch."""
    random, seen = Randomness(Generator().manual_seed(0)), Seen(x)
    found: dict[str, Operation] = {}
    for name, mixer in methods(only).items():
        for per in ("batch",) if mixer.whole_batch else ("batch", "sample"):
            switch = Switch.model_validate({"per": per, "options": [{"method": mixer}]})
            found[f"{name}, per {per}"] = partial(switch.mix, x, 0.0, random, seen)
    both = {"options": [{"method": {"kind": kind}} for kind in ("mixup", "cutmix")]}
    for per in ("batch", "sample"):
        switch = Switch.model_validate({**both, "per": per})
        found[f"switch of mixup and cutmix, per {per}"] = partial(switch.mix, x, 0.0, random)
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


def training_step(x: Tensor, labels: Tensor) -> dict[str, Operation]:
    """One step of a small network without mixing: what a method's time is a share of."""
    model = timm.create_model("test_efficientnet", in_chans=x.shape[1], num_classes=CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    size = (x.shape[2], x.shape[3])
    spec = ImageSpec(x.shape[1], size, (0.5,) * x.shape[1], (0.2,) * x.shape[1])
    augmenter, ids = Policy().build(num_classes=CLASSES, input=spec), labels.argmax(1)

    def step() -> None:
        optimizer.zero_grad()
        augmenter.loss(model, x, ids).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return {"step of test_efficientnet": step}


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


def table(times: Mapping[str, list[float]], step: list[float], passes: Mapping[str, tuple[int, int]]) -> str:
    """A markdown table: medians over rounds of the times and of the ratios within a round."""
    lines = [
        "| operation | ms | time / lerp | quartiles | of a step | extra passes |",
        "|---|---|---|---|---|---|",
    ]
    for name, seconds in times.items():
        ratios = [one / other for one, other in zip(seconds, times[REFERENCE], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        share = statistics.median(seconds) / statistics.median(step)
        forward, backward = passes.get(name.partition(",")[0], (0, 0))
        extra = f"{forward} forward, {backward} backward" if forward else ""
        lines.append(
            f"| {name} | {statistics.median(seconds) * 1e3:.3f} | {middle:.2f} | {low:.2f} – {high:.2f} "
            f"| {share:.1%} | {extra} |"
        )
    return "\n".join(lines)


def restart(memory: str) -> None:
    """Start this program anew with glibc's allocator told what to do with memory."""
    if os.environ.get("AUTOMIX_BENCHMARK_MEMORY") != memory:
        environment = {**os.environ, **ALLOCATORS[memory], "AUTOMIX_BENCHMARK_MEMORY": memory}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results")
    parser.add_argument("--memory", choices=ALLOCATORS, default="default")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", nargs="*", default=[], help="kinds of methods")
    settings = parser.parse_args()
    restart(settings.memory)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    x = torch.randn(settings.batch, settings.channels, settings.size, settings.size)
    labels = torch.eye(CLASSES)[torch.randint(CLASSES, (settings.batch,))]
    times = measure({**floor(x), **ours(x, labels, settings.only), **peers(x, labels)}, settings.rounds)
    (step,) = measure(training_step(x, labels), max(settings.rounds // 4, 2), 1).values()
    passes = {name: extra_passes(mixer.needs()) for name, mixer in methods([]).items()}
    shape = "x".join(map(str, x.shape))
    title = f"Mixing {shape} float32, {settings.threads} threads, memory {settings.memory}"
    body = f"A step of test_efficientnet without mixing: {statistics.median(step) * 1e3:.1f} ms.\n\n"
    name = f"mixing-{shape}-{settings.threads}-{settings.memory}"
    publish(name, title, about(), body + table(times, step, passes), write=settings.write)


if __name__ == "__main__":
    main()
