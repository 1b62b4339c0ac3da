"""Mixing what a layer of the model gives, while the model runs on the mixed batch.

`AbstractFeatureMixer` owns the bookkeeping: it draws the layer and sees to the hook; a member mixes features
that it is handed, of any shape, and says how much of each item is its own.

Axes: N items, n = N (one draw for every item) or 1 (one draw for the whole batch, on the host), H x W pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from automix_search.mixing.base import AbstractMixer, Share, pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.randomness import Randomness
from automix_search.ranges import Choice
from automix_search.signals import HiddenMix, Layer, Need, layer_name

Features = Float[Tensor, "N *features"]

INPUT = 0
"""The layer that stands for the input itself."""


class AbstractFeatureMixer(AbstractMixer):
    """Mixes the whole batch at one layer, drawn for each batch; nothing but the mixed batch is run.

    The inputs stay as they are, and so do their weights, until the layer has run. A step that mixes a hidden
    layer runs eagerly where the model is compiled.
    """

    whole_batch: ClassVar[bool] = True

    @abstractmethod
    def layer_chances(self) -> Mapping[Layer, float]:
        """How often each layer is the one that is mixed; chances sum to 1."""

    @abstractmethod
    def on_input(self) -> AbstractMixer:
        """What mixes the input."""

    @abstractmethod
    def mixed_features(
        self, own: Features, partner: Features, size: tuple[int, int], draws: int, random: Randomness
    ) -> tuple[Features, Share]:
        """Mix what a layer gives.

        Args:
            own: Features of the own samples; not to be written to.
            partner: Features of the partners, a fresh copy that may be overwritten.
            size: Height and width of the pictures, to tell the axes of the features by.
            draws: 1 for one random decision for the whole batch, N for one for each item.
            random: Source of all draws.

        Returns:
            Mixed features of the same shape and dtype, and the own share of each draw or of each item.
        """

    def hidden_layers(self) -> tuple[Layer, ...]:
        return tuple(layer for layer, chance in self.layer_chances().items() if chance > 0 and layer != INPUT)

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.LAYERS}) if self.hidden_layers() else frozenset()

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        layer = self._draw_layer(random)
        if layer == INPUT:
            return self.on_input().mix(pairs, draws, random)
        hidden = HiddenMix(
            layer_name(layer, pairs.signals.stages()), partial(self._change, pairs, draws, random)
        )
        unmixed = pair_weights(torch.ones(1), pairs.count, pairs.images)
        return MixedBatch(pairs.images, pairs.sources(), unmixed, hidden=hidden)

    def _draw_layer(self, random: Randomness) -> Layer:
        chances = {layer: chance for layer, chance in self.layer_chances().items() if chance > 0}
        layers = tuple(chances)
        return layers[int(random.choice(tuple(chances.values()), 1)) if len(layers) > 1 else 0]

    def _change(
        self, pairs: Pairs, draws: int, random: Randomness, features: Tensor
    ) -> tuple[Tensor, Float[Tensor, "N 2"]]:
        """What a hook does: the mixed features, and the weights of own and partner."""
        partner = pairs.partner_of(features)
        mixed, share = self.mixed_features(features, partner, pairs.size, draws, random)
        return mixed, pair_weights(share, pairs.count, features)


class AbstractAnyLayerMixer(AbstractFeatureMixer):
    """Mixes at any of some layers, each as often as the others."""

    layers: Annotated[tuple[Layer, ...], Choice(((0,), (1, 2), (0, 1, 2), (0, 1, 2, 3)))] = Field(
        (0, 1, 2),
        min_length=1,
        description="0: the input; 1, 2, ...: what the first, second, ... stage gives, -1: the last; or module names.",
    )

    @field_validator("layers")
    @classmethod
    def _different(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        for layer in layers:
            if layers.count(layer) > 1:
                raise ValueError(f"a layer may stand there once, but {layer!r} stands there again")
        return layers

    def layer_chances(self) -> Mapping[Layer, float]:
        return dict.fromkeys(self.layers, 1 / len(self.layers))
