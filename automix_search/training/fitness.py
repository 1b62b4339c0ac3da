"""Whether a policy and a model fit a data set; found out before any training starts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from automix_search.data import ImageInfo
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.images import ImageSpec
from automix_search.losses import BinaryCrossEntropy
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy
from automix_search.signals import Need, check_layers, check_needs, no_teacher, other_classes
from automix_search.validation import dump

Box = list[tuple[float, float]]
"""The smallest and the largest of each number."""

_BEGUN = WeakKeyDictionary[nn.Module, dict[str, Box]]()
"""What was seen to begin beside an example: for all that is no fraction, between which numbers."""


def settle_loss(policy: Policy, info: ImageInfo) -> Policy:
    """The policy with a loss that fits the labels; where it says nothing of one, it gets the one that does.

    Raises:
        InputError: It names a loss for one class an image, but images have several labels.
    """
    if not info.multi_label or not policy.loss.one_class:
        return policy
    if "loss" in policy.model_fields_set:
        raise InputError(
            f"the policy's loss `{kind_of(type(policy.loss))}` is for one class an image, but images of `{info.name}` "
            f"have several labels; say `loss: {{kind: binary_cross_entropy}}`"
        )
    return policy.model_copy(update={"loss": BinaryCrossEntropy()})


def check_needs_of_teacher(policy: Policy, num_classes: int | None, info: ImageInfo) -> None:
    """See that there is a teacher if a policy needs one.

    Args:
        policy: What is to be carried out.
        num_classes: Classes that the teacher tells apart; None if there is no teacher.
        info: The data set.

    Raises:
        InputError: There is none, or it has no predictions for the data's classes where these are needed.
    """
    needs = policy.needs()
    if Need.TEACHER in needs and num_classes is None:
        raise no_teacher()
    if Need.TEACHER_PREDICTIONS in needs and num_classes not in (None, info.num_classes):
        raise other_classes(num_classes or 0, info.num_classes)


@lru_cache(maxsize=4)
def example_of(spec: str, channels: int, size: tuple[int, int], num_classes: int) -> nn.Module:
    """A model of a spec, as JSON, with random weights; torch's global random state stays as it is."""
    wanted = ModelSpec.model_validate_json(spec).model_copy(update={"pretrained": False})
    with torch.random.fork_rng(devices=[]):
        return build_model(wanted, channels=channels, size=size, num_classes=num_classes)


class BuiltOnce:
    """An example of a model that a program makes: built when it is first asked for, and never sent to a worker."""

    def __init__(self) -> None:
        self._model: nn.Module | None = None

    def get(self, build: Callable[[], nn.Module]) -> nn.Module:
        """The example."""
        if self._model is None:
            self._model = build()
        return self._model

    def __reduce__(self) -> tuple[type[BuiltOnce], tuple[()]]:
        return BuiltOnce, ()


def check_sight(policy: Policy, model: nn.Module) -> None:
    """See that a model has all that a policy looks at or mixes within it.

    Raises:
        InputError: It has no attention, no linear classifier, or not so many stages.
    """
    check_needs(policy.needs(), model)
    check_layers(policy.mix.hidden_layers(), model)


def check_learned(policy: Policy, model: nn.Module, images: ImageSpec, num_classes: int) -> None:
    """See that a policy can learn beside a model, by beginning to.

    That copies the model, so it is left out where a policy differs from others that could begin beside the same model
    only by numbers that lie between theirs, as all points of a space lie between its corners.

    Raises:
        InputError: It cannot: the model has no such layer, or the loss is of another kind.
    """
    begun = _BEGUN.setdefault(model, {})
    kept, numbers = _parted(policy)
    key = f"{kept} {images} {num_classes}"
    box = begun.get(key, [(number, number) for number in numbers])
    if key in begun and all(low <= number <= high for number, (low, high) in zip(numbers, box, strict=True)):
        return
    _begin(policy, model, images, num_classes)
    begun[key] = [
        (min(low, number), max(high, number)) for number, (low, high) in zip(numbers, box, strict=True)
    ]


def _begin(policy: Policy, model: nn.Module, images: ImageSpec, num_classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    teacher = copy.deepcopy(model) if Need.TEACHER in policy.needs() else None
    with torch.random.fork_rng(devices=[]):
        policy.build(num_classes=num_classes, input=images, model=model, teacher=teacher, generator=generator)


def _parted(policy: Policy) -> tuple[str, list[float]]:
    """What a policy learns by, with fractions left out; and these, in their order."""
    numbers: list[float] = []

    def without(tree: object) -> object:
        if isinstance(tree, float):
            numbers.append(tree)
            return "a fraction"
        if isinstance(tree, dict):
            return {name: without(value) for name, value in tree.items()}
        return [without(item) for item in tree] if isinstance(tree, list) else tree

    parts = without({name: dump(policy)[name] for name in ("learned", "loss")})
    return json.dumps(parts), numbers


def check_model(
    model: nn.Module, images: Tensor, info: ImageInfo, *, noun: str = "model", num_classes: int | None = None
) -> None:
    """Pass a few images through a model and look at what comes out.

    Args:
        model: Any model.
        images: As it is to take them.
        info: The data set that they are of.
        noun: What to call the model in messages.
        num_classes: Its classes; None stands for those of the data set.

    Raises:
        InputError: The model cannot take such images, or does not answer with one logit a class.
    """
    expected = (len(images), num_classes or info.num_classes)
    try:
        with torch.inference_mode():
            logits = model.eval()(images)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        shape = " x ".join(map(str, images.shape[1:]))
        raise InputError(
            f"the {noun} cannot take images of {shape} (`{info.name}`): {str(error).splitlines()[0]}"
        ) from None
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != expected:
        raise InputError(
            f"the {noun} must answer {expected[0]} images of `{info.name}` with logits of shape {expected}, "
            f"one a class, but gave {found}"
        )
