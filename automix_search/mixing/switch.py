"""The switch: which method mixes a batch or a sample, how often, and with which partner."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, field_validator
from torch import Tensor

from automix_search.families import Spec
from automix_search.mixing.base import AbstractMixer, AbstractPlacedMixer
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.labels import LabelRule, ShareLabels
from automix_search.mixing.methods import Mixer
from automix_search.mixing.partners import Partner, Permutation
from automix_search.mixing.pixels.none import NoMix
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.schedules import Constant, Schedule
from automix_search.signals import Layer, Need, Signals


class Option(Spec):
    """One method of a switch, with its weight."""

    weight: Annotated[float, Range(0.05, 1.0)] = Field(
        1.0, ge=0, description="Relative to the other options' weights."
    )
    method: Mixer


class Switch(Spec):
    """Chooses, for each batch or for each sample, whether to mix and by which method.

    With two options it is timm's `Mixup(switch_prob=...)`. A method that mixes whole batches only (hidden
    features, sets of more than two) is chosen for the batch also where samples decide for themselves.
    """

    kind: Literal["switch"] = "switch"
    probability: Annotated[float, Range(0.25, 1.0)] = Field(
        1.0, ge=0, le=1, description="How often anything is mixed."
    )
    per: Literal["batch", "sample"] = Field(
        "batch", description="Whether a batch or a sample is the unit of decision."
    )
    partner: Partner = Permutation()
    options: tuple[Option, ...] = (Option(method=NoMix()),)
    label: LabelRule = ShareLabels()
    schedule: Schedule = Constant()

    @field_validator("options")
    @classmethod
    def _some_weight(cls, options: tuple[Option, ...]) -> tuple[Option, ...]:
        total = sum(option.weight for option in options)
        if not total > 0:
            raise ValueError("at least one option must have a weight above 0")
        if total == math.inf:
            raise ValueError("the sum of the weights must be finite")
        return options

    @property
    def mixes(self) -> bool:
        """Whether it ever mixes anything."""
        options = (option.method for option in self.options if option.weight > 0)
        return self.probability > 0 and not all(isinstance(method, NoMix) for method in options)

    def needs(self) -> frozenset[Need]:
        """What its methods, its partner rule and its label rule look at beside pixels and labels."""
        methods = (option.method.needs() for option in self.options if option.weight > 0)
        return frozenset().union(*methods, self.partner.needs(), self.label.needs())

    def hidden_layers(self) -> tuple[Layer, ...]:
        """Layers of the model that its methods may mix, beside the input."""
        layers = (
            layer for option in self.options if option.weight > 0 for layer in option.method.hidden_layers()
        )
        return tuple(dict.fromkeys(layers))

    def mix(
        self, images: Tensor, progress: float, random: Randomness, signals: Signals | None = None
    ) -> MixedBatch:
        """Mix a batch, `B x C x *spatial`; where nothing is to be mixed, the images come back as they are.

        Args:
            images: The batch.
            progress: Part of the training that is done, in [0, 1].
            random: Source of all draws.
            signals: What else is known of the batch; None knows nothing but its images.
        """
        signals = Signals(images) if signals is None else signals
        probability = self.probability * self.schedule.factor(progress)
        options = [option for option in self.options if option.weight > 0]
        methods = [option.method.at(progress) for option in options]
        if probability == 0 or all(isinstance(method, NoMix) for method in methods):
            return MixedBatch.unmixed(images)
        total = sum(option.weight for option in options)
        chances = [*(probability * option.weight / total for option in options), 1 - probability]
        if self.per == "sample" and max(chances) < 1:
            return self._mix_samples(signals, methods, chances, random)
        chosen = _choose(chances, random)
        return self._mix_all(signals, methods[chosen] if chosen < len(methods) else NoMix(), random)

    def _mix_all(self, signals: Signals, method: AbstractMixer, random: Randomness) -> MixedBatch:
        """The whole batch by one method."""
        if isinstance(method, NoMix):
            return MixedBatch.unmixed(signals.images)
        pairs = Pairs(signals.images, self.partner.partner(signals, random), seen=signals)
        return method.mix(pairs, 1 if self.per == "batch" else pairs.count, random)

    def _mix_samples(
        self, signals: Signals, methods: list[AbstractMixer], chances: list[float], random: Randomness
    ) -> MixedBatch:
        """Every sample by a method of its own, drawn on the host: nothing is read back from a device."""
        whole = [number for number, method in enumerate(methods) if method.whole_batch]
        if whole:
            rest = 1 - sum(chances[number] for number in whole)
            chosen = _choose([*(chances[number] for number in whole), max(rest, 0.0)], random)
            if chosen < len(whole):
                return self._mix_all(signals, methods[whole[chosen]], random)
            chances = [0.0 if number in whole else chance for number, chance in enumerate(chances)]
        images = signals.images
        partner = self.partner.partner(signals, random)
        choices = random.choice(chances, len(images))
        parts: list[tuple[AbstractMixer, Pairs]] = []
        for number, method in enumerate(methods):
            own = (choices == number).nonzero()[:, 0].to(images.device, non_blocking=True)
            if len(own) and not isinstance(method, NoMix):
                parts.append((method, Pairs(images, partner[own], own, signals)))
        placed = [(method, pairs) for method, pairs in parts if isinstance(method, AbstractPlacedMixer)]
        if len(placed) == len(parts):
            return _blended(images, partner, placed, random)
        mixed = [(pairs.own_positions(), method.mix(pairs, pairs.count, random)) for method, pairs in parts]
        return MixedBatch.joined(images, mixed)


def _blended(
    images: Tensor, partner: Tensor, parts: Sequence[tuple[AbstractPlacedMixer, Pairs]], random: Randomness
) -> MixedBatch:
    """Each sample blended with its partner as its own method says, all in one go; the others stay."""
    count, spatial = len(images), images.shape[2:]
    placed = [(pairs.own_positions(), *method.placed(pairs, pairs.count, random)) for method, pairs in parts]
    masked = any(mask is not None for _, _, mask in placed)
    own_share = torch.ones(count, device=images.device)
    shape = spatial if masked else [1] * len(spatial)
    rows = torch.ones(count, 1, *shape, device=images.device)
    for own, share, mask in placed:
        own_share.index_copy_(0, own, share.to(images.device, non_blocking=True))
        constant = share.view(-1, 1, *[1] * len(spatial)) if mask is None else mask
        rows.index_copy_(0, own, constant.to(images.device, non_blocking=True).expand(-1, -1, *shape))
    pairs = Pairs(images, partner)
    inputs = pairs.partner_images().lerp_(images, rows.to(images.dtype))
    weights = torch.stack((own_share, 1 - own_share), dim=1)
    return MixedBatch(inputs, pairs.sources(), weights, rows if masked else None)


def _choose(chances: list[float], random: Randomness) -> int:
    """A position in `chances`; nothing is drawn where one of them is certain."""
    return chances.index(1) if max(chances) == 1 else int(random.choice(chances, 1))


SHARED = ("probability", "per", "partner", "label", "schedule")


def as_switch(value: Any) -> Any:
    """Read a bare method, `{kind: cutmix, alpha: 1.0}`, as the switch with that one option.

    Fields of the switch may stand beside the method's own.
    """
    if not isinstance(value, Mapping) or value.get("kind") == "switch":
        return value
    shared = {name: value[name] for name in SHARED if name in value}
    method = {name: item for name, item in value.items() if name not in SHARED}
    return {"kind": "switch", **shared, "options": [{"weight": 1.0, "method": method}]}


Mix = Annotated[Switch, BeforeValidator(as_switch, json_schema_input_type=Switch | Mixer)]
