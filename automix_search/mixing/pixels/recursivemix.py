"""RecursiveMix."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.boxes import Boxes, boxes_about, uniform_centres
from automix_search.mixing.pixels.shrinking import AbstractShrinkingMixer
from automix_search.randomness import Randomness
from automix_search.ranges import Range

IMAGES, TARGETS = "recursivemix.images", "recursivemix.targets"
"""Under which names the last mixed batch and its targets are remembered."""


class RecursiveMix(AbstractShrinkingMixer):
    """Pastes what the last step made of its batch, shrunk, so that labels go on for several steps.

    The first batch of an epoch stays as it is. Item i takes what stood at place i; after a smaller batch the places
    are counted round. The partner rule of the switch has no say. What is remembered of the labels is by share, whatever
    the label rule makes of it. The authors' loss on the features in the box is the loss `recursive_consistency`.

    Reference: Yang et al., RecursiveMix: Mixed Learning with History, NeurIPS 2022, https://arxiv.org/abs/2203.06844.
    """

    whole_batch: ClassVar[bool] = True
    beyond_batch: ClassVar[bool] = True

    kind: Literal["recursivemix"] = "recursivemix"
    largest_area: Annotated[float, Range(0.1, 1.0)] = Field(
        0.5,
        ge=0,
        le=1,
        description="Largest part of the picture that the history covers; it is uniform from 0.",
    )
    shuffle: bool = Field(False, description="Whether the history is put in a random order first.")

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        area = random.uniform(draws, pairs.images, 0.0, self.largest_area)
        centre = uniform_centres(pairs.size, draws, random, pairs.images)
        return boxes_about(centre, area.sqrt(), pairs.size)

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        memory, labels = pairs.signals.memory, pairs.signals.labels()
        past = memory.get(IMAGES)
        if past is None or past.shape[1:] != pairs.images.shape[1:]:
            batch = MixedBatch.unmixed(pairs.own_images())
            batch = replace(batch, sources=pairs.own_positions()[:, None])
        else:
            batch = self._with_history(pairs, past, draws, random)
        memory[IMAGES] = batch.inputs.detach().clone()
        memory[TARGETS] = batch.targets(labels).detach()
        return batch

    def _with_history(self, pairs: Pairs, past: Tensor, draws: int, random: Randomness) -> MixedBatch:
        """The own samples with the history pasted, whose labels stand behind those of the batch."""
        images = pairs.images
        order = torch.arange(pairs.count, device=images.device) % len(past)
        if self.shuffle:
            order = random.permutation(len(past), images)[order]
        history, boxes = Pairs(past.to(images), order), self.boxes(pairs, draws, random)
        mask = boxes.outside().to(images.device, non_blocking=True).expand(pairs.count, -1, -1, -1)
        if boxes.on_host:
            inputs = pairs.own_copy()
            inputs[(..., *boxes.slices())] = self.patch(history.images, boxes)[order]
        else:
            inputs = self.overlay(history, boxes).lerp_(pairs.own_images(), mask.to(images.dtype))
        sources = torch.stack((pairs.own_positions(), order + len(images)), dim=1)
        weights = pair_weights(boxes.share_outside(), pairs.count, images)
        targets = pairs.signals.memory[TARGETS].to(images.device)
        return MixedBatch(inputs, sources, weights, mask, more_labels=targets)
