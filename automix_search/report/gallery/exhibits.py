"""What the gallery shows: every method at work on the same pairs of pictures.

Axes: P pictures in the pool, of which the second half are the partners of the first; K classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor, nn

from automix_search.data import Batches, Splits
from automix_search.errors import InputError, unknown_name
from automix_search.families import kind_of
from automix_search.losses import SoftCrossEntropy
from automix_search.mixing import MIXERS, AbstractMixer, MixedBatch, Pairs
from automix_search.randomness import Randomness
from automix_search.report.gallery.onlookers import trained
from automix_search.signals import Memory, ModelSignals, Need, run
from automix_search.transforms import BATCH_TRANSFORMS, AbstractBatchTransform

ATTENTIVE = frozenset({Need.ATTENTION, Need.MIXED_ATTENTION})
CANDIDATES, COMPANY = 256, 10
"""Pictures that pairs are chosen from; pairs that are mixed at least, where there are so many."""


@dataclass(frozen=True)
class Picture:
    """One picture: float in [0, 1], `C x H x W`, and the lines of text below it."""

    pixels: Tensor
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exhibit:
    """A row of the gallery."""

    title: str
    pictures: tuple[Picture, ...]
    remark: str = ""


class Stage:
    """Pairs of pictures of different classes, and models to look at them.

    Some more pairs than are shown are mixed with them, for methods that choose among a batch.

    Args:
        splits: Where the pictures come from.
        pairs: How many pairs are shown.
        seed: Of the choice of pictures, of the models and of all draws.

    Raises:
        InputError: There are not so many pairs of different classes.
    """

    def __init__(self, splits: Splits, pairs: int, seed: int) -> None:
        self.splits, self.pairs, self.seed = splits, pairs, seed
        info = splits.info
        shape = (1, info.channels, 1, 1)
        self.mean, self.std = torch.tensor(info.mean).view(shape), torch.tensor(info.std).view(shape)
        self.images, self.labels = self._chosen()
        self.half = len(self.images) // 2

    def _chosen(self) -> tuple[Tensor, Tensor]:
        batches = Batches(self.splits.train, min(CANDIDATES, len(self.splits.train)), torch.device("cpu"))
        batch = next(iter(batches.epoch(Generator().manual_seed(self.seed))))
        labels = SoftCrossEntropy().encode(batch.labels, self.splits.info.num_classes)
        chosen: list[tuple[int, int]] = []
        free = list(range(len(labels)))
        while free and len(chosen) < max(self.pairs, COMPANY):
            own = free.pop(0)
            partner = next((other for other in free if not torch.equal(labels[own], labels[other])), None)
            if partner is not None:
                free.remove(partner)
                chosen.append((own, partner))
        if len(chosen) < self.pairs:
            raise InputError(
                f"`{self.splits.info.name}` has no {self.pairs} pairs of different classes to show; ask for fewer"
            )
        order = [own for own, _ in chosen] + [partner for _, partner in chosen]
        pixels = batch.inputs[order].contiguous()
        return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels, labels[order]

    @cached_property
    def convolutional(self) -> nn.Module:
        """A convolutional network that knows such pictures a little."""
        return trained("small_cnn", self.splits, self.seed)

    @cached_property
    def transformer(self) -> nn.Module:
        """A vision transformer that knows such pictures a little."""
        return trained("tiny_vit", self.splits, self.seed)

    def random(self) -> Randomness:
        """The same draws for every method."""
        return Randomness(Generator().manual_seed(self.seed))

    def mixed(self, mixer: AbstractMixer) -> tuple[MixedBatch, str]:
        """All pictures mixed, each with its partner and by draws of its own; and what else there is to say."""
        normalised, memory = (self.images - self.mean) / self.std, Memory()
        model = self.transformer if mixer.needs() & ATTENTIVE else self.convolutional
        partner = torch.arange(len(self.images)).roll(self.half)
        for shift in (self.half, 0):  # a method that remembers is shown the partners first
            images, labels = normalised.roll(shift, 0), self.labels.roll(shift, 0)
            signals = ModelSignals(model, images, labels, (self.mean, self.std), self.convolutional, memory)
            batch = mixer.mix(Pairs(images, partner, seen=signals), len(images), self.random())
        if batch.hidden is None:
            known = len(partner)
            strange = (batch.sources != partner[:, None]) & (batch.sources < known) & (batch.weights > 0)
            strange &= batch.sources != torch.arange(known)[:, None]
            return batch, "with partners of its own choice" if strange.any() else ""
        weights = run(model, batch.inputs, batch.hidden).weights
        assert weights is not None
        remark = f"mixes what `{batch.hidden.layer}` of a small network gives"
        return MixedBatch(batch.inputs, batch.sources, weights, more_labels=batch.more_labels), remark

    def exhibit(self, mixer: AbstractMixer) -> Exhibit:
        """The row of a mixing method."""
        batch, remark = self.mixed(mixer)
        targets = batch.targets(self.labels)
        pixels = (batch.inputs.float() * self.std + self.mean).clamp(0, 1)
        own = (batch.weights * (batch.sources == torch.arange(len(pixels))[:, None])).sum(1)
        pictures = [
            Picture(pixels[item], (f"own share {_short(own[item])}", self._told(targets[item])))
            for item in range(self.pairs)
        ]
        return Exhibit(kind_of(type(mixer)), tuple(pictures), remark)

    def transformed(self, transform: AbstractBatchTransform) -> Exhibit:
        """The row of a transform, applied to every picture."""
        pixels = transform.transform(self.images, self.random())
        pictures = tuple(Picture(pixels[item]) for item in range(self.pairs))
        return Exhibit(kind_of(type(transform)), pictures)

    def originals(self) -> Iterator[Exhibit]:
        """The pictures as they are: first the own, then the partners."""
        for title, first in (("own", 0), ("partner", self.half)):
            items = range(first, first + self.pairs)
            yield Exhibit(
                title, tuple(Picture(self.images[item], (self._told(self.labels[item]),)) for item in items)
            )

    def _told(self, target: Tensor) -> str:
        """The classes that an item is labelled with, the heaviest first: `flower .64, temple .36`."""
        names = self.splits.info.class_names
        heaviest = target.argsort(descending=True)[:2].tolist()
        return ", ".join(f"{names[at]} {_short(target[at])}" for at in heaviest if target[at] > 0.005)


def _short(share: Tensor) -> str:
    """A share without the zero before the point: `.86`."""
    return f"{float(share):.2f}".removeprefix("0")


def exhibits(splits: Splits, kinds: Collection[str], pairs: int = 4, seed: int = 0) -> Iterator[Exhibit]:
    """Rows of the gallery: the pictures as they are, every mixing method, every transform.

    Args:
        splits: Where the pictures come from.
        kinds: Which methods to show; all if empty.
        pairs: How many pairs of pictures.
        seed: Of everything random.

    Raises:
        InputError: There is no such method, or there are too few pictures.
    """
    known = {kind_of(member): member for member in (*MIXERS.members, *BATCH_TRANSFORMS.members)}
    for kind in kinds:
        if kind not in known:
            raise InputError(unknown_name("method to show", kind, known))
    stage = Stage(splits, pairs, seed)
    yield from stage.originals()
    for kind, member in known.items():
        if kind == "none" or (kinds and kind not in kinds):
            continue
        method = member()
        if isinstance(method, AbstractMixer):
            yield stage.exhibit(method)
        elif isinstance(method, AbstractBatchTransform):
            yield stage.transformed(method)
