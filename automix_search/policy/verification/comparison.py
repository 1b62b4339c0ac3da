"""A policy beside another library: the same maths at equal draws, and draws of the same distribution."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from automix_search.errors import InputError, unknown_name
from automix_search.families import kind_of
from automix_search.losses import AbstractTargetLoss
from automix_search.mixing import Switch
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.pixels.none import NoMix
from automix_search.policy.exporters import exporter
from automix_search.policy.exporters.base import Account
from automix_search.policy.exporters.plain import batch_steps, plain_mix
from automix_search.policy.schema import Policy
from automix_search.policy.verification.draws import Draw, expressed, replay_of, there
from automix_search.policy.verification.findings import Finding, Verification, largest_distance, largest_gap
from automix_search.policy.verification.other import AbstractOther
from automix_search.policy.verification.timm import Timm
from automix_search.policy.verification.torchvision import Torchvision
from automix_search.randomness import Randomness

AGAINST: dict[str, type[Timm] | type[Torchvision]] = {"timm": Timm, "torchvision": Torchvision}

BATCHES, DRAWS, NUM_CLASSES = 40, 10_000, 5
SHAPE = (8, 3, 33, 48)
TOLERANCE = 1e-5
UNMIXED = 1 - 1e-6
"""An own share from which on nothing is seen of the partner."""

Worst = dict[tuple[str, str], float]


def verify(policy: Policy, against: str) -> Verification:
    """Compare a policy with another library.

    Mixing and loss are compared: images, targets and loss at the draws that the other library made, then how often
    each method is drawn and with which shares. Transforms are not.

    Raises:
        InputError: There is no such library, or the policy mixes nothing.
    """
    if against not in AGAINST:
        raise InputError(f"`--against`: {unknown_name('library', against, AGAINST)}")
    if not policy.mix.mixes:
        raise InputError("`mix`: this policy mixes nothing, and mixing is what is compared")
    other = AGAINST[against](policy, NUM_CLASSES)
    mix = expressed(policy.mix, plain_mix(policy.mix, other.library, Account()), other.library)
    exported = exporter(against).export(policy)
    return Verification(
        other.version,
        (*_at_equal_draws(policy, mix, other), *_of_draws(mix, other)),
        exported.left_out,
        exported.remarks,
        tuple(
            [f"transform.load[{place}]" for place in range(len(policy.transform.load))]
            + [path for path, _ in batch_steps(policy)]
        ),
    )


def _at_equal_draws(policy: Policy, mix: Switch, other: AbstractOther) -> list[Finding]:
    """The largest differences of images, targets and loss over many batches, by the methods that mixed them."""
    if not mix.mixes:
        return []
    worst: Worst = defaultdict(float)
    generator, size = Generator().manual_seed(0), (SHAPE[2], SHAPE[3])
    for seed in range(BATCHES):
        images = torch.randn(SHAPE, generator=generator)
        labels = torch.randint(NUM_CLASSES, SHAPE[:1], generator=generator)
        mixed, targets, draws = other.mix(images, labels, seed)
        replay = replay_of(draws, mix, size)
        batch = there(mix).mix(images, 0.0, replay)
        smoothed = batch.targets(policy.loss.encode(labels, NUM_CLASSES))
        plain = batch.targets(torch.nn.functional.one_hot(labels, NUM_CLASSES).float())
        _note(worst, mix, draws, "images", mixed - batch.inputs)
        _note(worst, mix, draws, "targets", targets - (smoothed if other.smooths_targets else plain))
        if isinstance(policy.loss, AbstractTargetLoss):
            logits = torch.randn(smoothed.shape, generator=generator)
            apart = other.criterion(logits, targets) - policy.loss.compare(logits, smoothed)
            worst["loss", ""] = max(worst["loss", ""], float(apart.abs()))
        if any(draw.box is not None for draw in draws):
            worst["edges of boxes, in pixels", ""] = max(
                worst["edges of boxes, in pixels", ""], float(replay.farthest)
            )
    return [_finding(what, found, other) for what, found in sorted(worst.items())]


def _finding(what: tuple[str, str], found: float, other: AbstractOther) -> Finding:
    about, part = what
    allowed = other.box_tolerance if about.startswith("edges") else TOLERANCE
    return Finding(f"{about}: {part}" if part else about, "largest difference", found, allowed)


def _note(worst: Worst, mix: Switch, draws: Sequence[Draw], part: str, apart: Tensor) -> None:
    """Keep the largest difference of the items that each method mixed."""
    by_item = apart.abs().flatten(1).amax(dim=1)
    every = list(draws) * (len(by_item) if len(draws) == 1 else 1)
    for draw, difference in zip(every, by_item.tolist(), strict=True):
        key = _name(mix, draw.place), part
        worst[key] = max(worst[key], difference)


def _name(mix: Switch, place: int | None) -> str:
    return "unmixed" if place is None else kind_of(type(mix.options[place].method))


def _of_draws(mix: Switch, other: AbstractOther) -> list[Finding]:
    """How often methods are drawn, and how their shares are distributed."""
    from scipy.stats import ks_2samp

    if not mix.mixes:
        return []
    theirs = _by_name(mix, other.shares(DRAWS, mix.per == "sample", seed=0))
    ours = _by_name(mix, _our_draws(mix, DRAWS))
    findings = []
    for name in sorted(theirs.keys() | ours.keys()):
        first, second = theirs[name], ours[name]
        gap = abs(len(first) - len(second)) / DRAWS
        findings.append(Finding(f"{name}: how often", "difference of parts", gap, largest_gap(DRAWS)))
        if name in ("mixup", "cutmix") and first and second:
            distance = float(ks_2samp(first, second).statistic)
            limit = largest_distance(len(first), len(second))
            findings.append(Finding(f"{name}: shares", "Kolmogorov-Smirnov distance", distance, limit))
    return findings


def _by_name(mix: Switch, draws: Sequence[Draw]) -> dict[str, list[float]]:
    """Shares by the method that drew them; what is hardly mixed counts as unmixed."""
    found: dict[str, list[float]] = defaultdict(list)
    for draw in draws:
        found[_name(mix, None if draw.share > UNMIXED else draw.place)].append(draw.share)
    return found


class Recorder(Randomness):
    """Draws of our own, remembered."""

    def __init__(self, seed: int) -> None:
        super().__init__(Generator().manual_seed(seed))
        self.positions: list[int] = []
        self.shares: list[float] = []

    def choice(self, chances: Sequence[float], count: int) -> Tensor:
        drawn = super().choice(chances, count)
        self.positions.extend(drawn.tolist())
        return drawn

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        drawn = super().beta(alpha, count, like)
        self.shares.extend(drawn.tolist())
        return drawn


def _our_draws(mix: Switch, count: int) -> list[Draw]:
    """Many draws of a switch at work: one for each sample of a batch, which has the chances of one for a batch."""
    recorder = Recorder(1)
    mix.model_copy(update={"per": "sample"}).mix(torch.zeros(count, 1, 1, 2), 0.0, recorder)
    return _recorded(recorder, count, mix)


def _recorded(recorder: Recorder, count: int, mix: Switch) -> list[Draw]:
    """What a recorder heard of one batch; shares come method by method, in the order of the options."""
    kept = [place for place, option in enumerate(mix.options) if option.weight > 0]
    positions = (
        recorder.positions or [0] * count
    )  # nothing is drawn where there is one option, and it is certain
    shares, draws = iter(recorder.shares), []
    for number, place in enumerate(kept):
        method = mix.options[place].method
        for _ in range(positions.count(number)):
            drawn = next(shares) if isinstance(method, Mixup | CutMix) else 0.0
            draws.append(Draw(None) if isinstance(method, NoMix) else Draw(place, drawn))
    return draws + [Draw(None)] * positions.count(len(kept))
