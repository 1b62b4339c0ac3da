"""Python code that does the same with torchvision's transforms v2, without this package."""

from __future__ import annotations

from collections.abc import Sequence

from automix_search.families import kind_of
from automix_search.mixing.partners import Roll
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy.exporters.base import AbstractExporter, Account, Exported
from automix_search.policy.exporters.plain import (
    INSTEAD,
    Chance,
    Library,
    batch_steps,
    is_binary,
    plain_mix,
    without_learned,
    without_schedule,
    without_schedules,
)
from automix_search.policy.schema import Policy
from automix_search.transforms import AbstractBatchTransform, AbstractLoadTransform
from automix_search.transforms.affine import Affine
from automix_search.transforms.aug_mix import AugMix
from automix_search.transforms.auto_augment import AutoAugment
from automix_search.transforms.crop import RandomCrop
from automix_search.transforms.flip import HorizontalFlip
from automix_search.transforms.random_augment import RandAugment
from automix_search.transforms.random_erasing import RandomErasing
from automix_search.transforms.resize import Resize, ResizedCrop
from automix_search.transforms.trivial_augment import TrivialAugment

TORCHVISION = Library(
    "torchvision",
    (Mixup, CutMix),
    (Roll, "torchvision mixes every sample with the one before it, our `roll`"),
    per_sample=False,
)
HEAD = '''\
"""An augmentation policy, written for torchvision's transforms v2.

Each picture, `C x H x W`, uint8, goes through `training_transform()`. Then normalise it, collate, and give
batches to `mix_batch`: images and class ids become mixed images and rows of shares, for `criterion`.
"""
'''
IMPORTS = """
from torch import nn
from torchvision.transforms import InterpolationMode, v2

"""
MIXING = '''
mix = {mix}


def mix_batch(images, labels, num_classes):
    """Images `B x C x H x W`, normalised, and class ids `(B,)`: mixed images, and rows of shares."""
    return mix(images, nn.functional.one_hot(labels, num_classes).float())

'''
BINARY = """
def criterion(logits, targets):
    targets = targets * (1 - {smoothing!r}) + {smoothing!r} / targets.shape[1]
    return nn.functional.binary_cross_entropy_with_logits(logits, targets)
"""
CROSS = """
criterion = nn.CrossEntropyLoss(label_smoothing={smoothing!r})
"""
MISSING = "torchvision has no transform like it"


class TorchvisionCode(AbstractExporter):
    """A module with the transforms of pictures, the mixing of batches, and the loss."""

    name = "torchvision"
    suffix = ".py"

    def export(self, policy: Policy) -> Exported:
        account = Account()
        without_learned(policy, account)
        training, evaluation = _pictures(policy, account)
        mix = _mix(policy, account)
        binary = is_binary(policy.loss, "torchvision", account)
        parts = [
            _function(
                "training_transform", "size=None", "Of a picture; `size` is its height and width.", training
            ),
            _function("evaluation_transform", "", "Of a picture to be judged.", evaluation),
            MIXING.format(mix=mix),
            (BINARY if binary else CROSS).format(smoothing=policy.loss.smoothing),
        ]
        comments = "".join(f"{line}\n" for line in account.comments())
        return account.exported(HEAD + comments + IMPORTS + "".join(parts))


def _function(name: str, arguments: str, about: str, steps: Sequence[str]) -> str:
    body = "".join(f"            {step},\n" for step in steps or ("v2.Identity()",))
    return (
        f'\ndef {name}({arguments}):\n    """{about}"""\n'
        f"    return v2.Compose(\n        [\n{body}        ]\n    )\n\n"
    )


def _mix(policy: Policy, account: Account) -> str:
    """The expression of what mixes a batch."""
    chances = torchvision_chances(policy, account)
    rest = 1 - sum(each.chance for each in chances)
    calls = [
        f"v2.{'MixUp' if isinstance(each.method, Mixup) else 'CutMix'}(alpha={_alpha(each.method)})"
        for each in chances
    ]
    weights = [round(each.chance, 12) for each in chances]
    if rest > 1e-9 or not chances:
        calls, weights = [*calls, "v2.Identity()"], [*weights, round(rest, 12)]
    return calls[0] if len(calls) == 1 else f"v2.RandomChoice([{', '.join(calls)}], p={weights!r})"


def torchvision_chances(policy: Policy, account: Account) -> list[Chance]:
    """The mixing methods that are written, with their chances, in the order of the code."""
    without_schedule(policy, account)
    return plain_mix(policy.mix, TORCHVISION, account)


def _alpha(method: object) -> str:
    return repr(getattr(method, "alpha", None))


def _pictures(policy: Policy, account: Account) -> tuple[list[str], list[str]]:
    """What is done to each picture, in training and in evaluation."""
    training, evaluation = [], []
    for place, read in enumerate(policy.transform.load):
        calls = _reading(read)
        if calls is None:
            account.leave_out(f"transform.load[{place}]", kind_of(type(read)), MISSING)
            continue
        training.append(calls[0])
        evaluation.extend(calls[1])
    for path, step in batch_steps(policy):
        without_schedules(step, path, account)
        if (call := _step(path, step, account)) is None:
            account.leave_out(path, kind_of(type(step)), MISSING)
        else:
            own = isinstance(step, HorizontalFlip | RandomErasing) or step.probability == 1
            training.append(call if own else f"v2.RandomApply([{call}], p={step.probability!r})")
    return training, evaluation


def _reading(read: AbstractLoadTransform) -> tuple[str, list[str]] | None:
    """What reads pictures in training, and in evaluation."""
    if type(read) is ResizedCrop:
        how = f"InterpolationMode.{read.interpolation.upper()}, antialias=True"
        shorter = round(read.size / read.evaluation_share)
        ratio = (1 / read.stretch, read.stretch)
        return (
            f"v2.RandomResizedCrop({read.size}, ({read.smallest!r}, 1.0), {ratio!r}, {how})",
            [f"v2.Resize({shorter}, {how})", f"v2.CenterCrop({read.size})"],
        )
    if type(read) is Resize:
        how = f"InterpolationMode.{read.interpolation.upper()}, antialias=True"
        call = f"v2.Resize(({read.height}, {read.width}), {how})"
        return call, [call]
    return None


def _step(path: str, step: AbstractBatchTransform, account: Account) -> str | None:
    """The call for a transform; None where torchvision has none like it."""
    if type(step) is HorizontalFlip:
        return f"v2.RandomHorizontalFlip({step.probability!r})"
    if type(step) is RandomCrop:
        fill = f"padding_mode='constant', fill={round(step.fill * 255)}"
        how = fill if step.mode == "constant" else "padding_mode='reflect'"
        account.remark("`training_transform` wants the size of the pictures: `training_transform((H, W))`")
        return f"v2.RandomCrop(size, padding={step.padding}, {how})"
    if type(step) is Affine:
        return _affine(path, step, account)
    if type(step) is RandAugment:
        return _rand_augment(path, step, account)
    if type(step) is TrivialAugment:
        return _trivial_augment(path, step, account)
    if type(step) is AutoAugment:
        return f"v2.AutoAugment(v2.AutoAugmentPolicy.{step.policy.upper()})"
    if type(step) is AugMix:
        return _aug_mix(path, step, account)
    if type(step) is RandomErasing:
        return _erasing(path, step, account)
    return None


def _affine(path: str, step: Affine, account: Account) -> str:
    if step.translate:
        account.leave_out(f"{path}.translate", step.translate, "torchvision shifts by whole pixels", INSTEAD)
    shear = (-step.shear, step.shear) * 2 if step.shear else None
    return (
        f"v2.RandomAffine({step.degrees!r}, ({step.translate!r}, {step.translate!r}), "
        f"({1 - step.scale!r}, {1 + step.scale!r}), {shear!r}, InterpolationMode.BILINEAR, fill=None)"
    )


def _rand_augment(path: str, step: RandAugment, account: Account) -> str:
    _only(path, step, {"magnitude_std": 0.0, "operation_probability": 1.0, "operations": None}, account)
    return f"v2.RandAugment({step.num_ops}, {step.magnitude}, 31)"


def _trivial_augment(path: str, step: TrivialAugment, account: Account) -> str:
    _only(path, step, {"space": "wide", "strength": 1.0, "operations": None}, account)
    return "v2.TrivialAugmentWide(31)"


def _aug_mix(path: str, step: AugMix, account: Account) -> str:
    severity = min(max(round(step.severity), 1), 10)
    account.leave_out(path, "aug_mix", "torchvision's has other strengths", "the nearest is written")
    return f"v2.AugMix({severity}, {step.width}, {step.depth or -1}, {step.alpha!r}, all_ops=False)"


def _erasing(path: str, step: RandomErasing, account: Account) -> str:
    _only(path, step, {"fill": "constant", "count": 1}, account)
    scale, ratio = (step.smallest, step.largest), (step.narrowest, 1 / step.narrowest)
    return (
        f"v2.RandomErasing({step.probability!r}, {scale!r}, {ratio!r}, value={round(step.brightness * 255)})"
    )


def _only(path: str, step: AbstractBatchTransform, fixed: dict[str, object], account: Account) -> None:
    """Leave out fields that have other values than the only ones that torchvision can do."""
    for name, value in fixed.items():
        if getattr(step, name) != value:
            why = f"torchvision can only do what it is at `{'null' if value is None else value}`"
            account.leave_out(f"{path}.{name}", getattr(step, name), why, INSTEAD)
