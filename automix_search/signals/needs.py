"""What a method needs to look at, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Need(StrEnum):
    """Something that a method, a label rule or a loss looks at beside pixels and labels."""

    SALIENCY = "saliency"
    """The gradient of the model's loss at every pixel of the clean images."""
    ATTENTION = "attention"
    """Where the model's last block attends in the clean images."""
    FEATURES = "features"
    """The model's last feature map of the clean images."""
    CLASS_MAPS = "class maps"
    """Where the model sees the true class in the clean images."""
    PREDICTIONS = "predictions"
    """The model's logits of the clean images."""
    TEACHER = "teacher"
    """A trained model that is given beside the model."""
    TEACHER_PREDICTIONS = "predictions of a teacher"
    """A teacher that knows the classes of the task."""
    LAYERS = "layers"
    """A look into the model's layers while it runs on the mixed batch."""
    MIXED_ATTENTION = "attention to the mix"
    """Where the model attends in the mixed images, from the training pass itself."""
    MIXED_FEATURES = "features of the mix"
    """The model's last feature map of the mixed images, from the training pass itself."""
    MODEL = "model"
    """Passes of its own through the model that is trained."""


FORWARD = {Need.SALIENCY, Need.ATTENTION, Need.FEATURES, Need.CLASS_MAPS, Need.PREDICTIONS, Need.TEACHER}
BACKWARD = {Need.SALIENCY}

CLASSES_OF_TEACHER = frozenset({Need.TEACHER, Need.TEACHER_PREDICTIONS})
"""What is asked of a teacher whose class maps or predictions are looked at."""


def extra_passes(needs: Iterable[Need]) -> tuple[int, int]:
    """Forward and backward passes over the batch that `needs` add to a training step.

    What the model says of the clean images, it says in one pass; the gradient takes one of its own, and so
    does the teacher.
    """
    wanted = set(needs)
    own = bool(wanted & (FORWARD - BACKWARD - {Need.TEACHER}))
    return own + len(wanted & BACKWARD) + (Need.TEACHER in wanted), len(wanted & BACKWARD)
