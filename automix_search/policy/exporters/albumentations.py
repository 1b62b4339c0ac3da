"""The transforms of a policy as albumentations' JSON, for `albumentations.from_dict`.

It is written without the library. Mixing and loss are no part of its pipelines.
"""

from __future__ import annotations

import json
from typing import Any

from automix_search.families import kind_of
from automix_search.losses import SoftCrossEntropy
from automix_search.policy.exporters.base import AbstractExporter, Account, Exported
from automix_search.policy.exporters.plain import INSTEAD, batch_steps, without_learned, without_schedules
from automix_search.policy.schema import Policy
from automix_search.transforms import AbstractBatchTransform, AbstractLoadTransform
from automix_search.transforms.affine import Affine
from automix_search.transforms.crop import RandomCrop
from automix_search.transforms.cutout import Cutout
from automix_search.transforms.flip import HorizontalFlip
from automix_search.transforms.random_erasing import RandomErasing
from automix_search.transforms.resize import Resize, ResizedCrop

VERSION = "2.0.8"
"""The release of albumentations whose names these are."""
LINEAR, CUBIC, BLACK, MIRRORED = 1, 2, 0, 4
"""OpenCV's numbers of interpolations and borders."""

Tree = dict[str, Any]


class AlbumentationsJson(AbstractExporter):
    """A pipeline for pictures `H x W x C`, uint8: `albumentations.from_dict(json.load(file))`."""

    name = "albumentations"
    suffix = ".json"

    def export(self, policy: Policy) -> Exported:
        account = Account()
        steps = [*_load(policy, account), *_batch(policy, account)]
        without_learned(policy, account)
        _no_mixing(policy, account)
        pipeline = {
            **_step("Compose", transforms=steps),
            "bbox_params": None,
            "keypoint_params": None,
            "additional_targets": {},
            "is_check_shapes": True,
        }
        return account.exported(json.dumps({"__version__": VERSION, "transform": pipeline}, indent=2) + "\n")


def _step(kind: str, probability: float = 1.0, **fields: object) -> Tree:
    return {"__class_fullname__": kind, "p": probability, **fields}


def _no_mixing(policy: Policy, account: Account) -> None:
    """Leave out what comes after the transforms."""
    why = "an albumentations pipeline has no such part; it holds the transforms alone"
    if policy.mix.mixes:
        methods = (kind_of(type(option.method)) for option in policy.mix.options if option.weight > 0)
        account.leave_out("mix", ", ".join(methods), why)
    if policy.loss != SoftCrossEntropy():
        smoothing = f" with smoothing {policy.loss.smoothing:g}" if policy.loss.smoothing else ""
        account.leave_out("loss", kind_of(type(policy.loss)) + smoothing, why)


def _load(policy: Policy, account: Account) -> list[Tree]:
    found = [
        _reading(f"transform.load[{place}]", read, account)
        for place, read in enumerate(policy.transform.load)
    ]
    return [step for step in found if step is not None]


def _reading(path: str, read: AbstractLoadTransform, account: Account) -> Tree | None:
    if not isinstance(read, ResizedCrop | Resize):
        account.leave_out(path, kind_of(type(read)), "albumentations has no transform like it")
        return None
    why = "albumentations does not smooth a picture before it makes it smaller"
    account.leave_out(f"{path}.interpolation", read.interpolation, why, "it is written without that")
    how = LINEAR if read.interpolation == "bilinear" else CUBIC
    if isinstance(read, Resize):
        return _step("Resize", height=read.height, width=read.width, interpolation=how)
    scale, ratio, size = [read.smallest, 1.0], [1 / read.stretch, read.stretch], [read.size, read.size]
    return _step("RandomResizedCrop", size=size, scale=scale, ratio=ratio, interpolation=how)


def _batch(policy: Policy, account: Account) -> list[Tree]:
    steps: list[Tree] = []
    for path, step in batch_steps(policy):
        without_schedules(step, path, account)
        if (found := _picture(path, step, _size(policy), account)) is not None:
            steps += _sometimes(found, step.probability, account)
    return steps


def _sometimes(steps: list[Tree], probability: float, account: Account) -> list[Tree]:
    """Steps that are done together with a probability."""
    if len(steps) == 1:
        return [{**steps[0], "p": probability}]
    if probability == 1:
        return steps
    account.remark(
        "random_crop: in a pipeline that was given a seed, albumentations draws whether to crop and where alike; "
        "give it none"
    )
    return [_step("Sequential", probability, transforms=steps)]


def _size(policy: Policy) -> tuple[int, int] | None:
    """Height and width of the pictures that come to the batch transforms, where they are known."""
    if policy.transform.load:
        return policy.transform.load[-1].output_size
    images = None if policy.provenance is None else policy.provenance.images()
    return None if images is None else images.size


def _picture(
    path: str, step: AbstractBatchTransform, size: tuple[int, int] | None, account: Account
) -> list[Tree] | None:
    """The transforms that do together what ours does; None where there are none."""
    if type(step) is HorizontalFlip:
        return [_step("HorizontalFlip")]
    if type(step) is Affine:
        return [_affine(path, step, account)]
    if type(step) is RandomCrop and size is not None:
        return _crop(step, size)
    if type(step) is RandomErasing:
        why = "albumentations draws shapes and areas of rectangles in another way"
        account.leave_out(path, "random_erasing", why, "its `Erasing` is written, in black")
        scale, ratio = [step.smallest, step.largest], [step.narrowest, 1 / step.narrowest]
        return [_step("Erasing", scale=scale, ratio=ratio, fill=0)]
    if type(step) is Cutout:
        why = "holes of albumentations lie inside of the picture"
        account.leave_out(path, "cutout", why, "its `CoarseDropout` is written")
        side, count = [min(step.size, 1.0)] * 2, [step.count] * 2
        holes: Tree = {"num_holes_range": count, "hole_height_range": side, "hole_width_range": side}
        return [_step("CoarseDropout", **holes, fill=round(step.fill * 255))]
    known = (
        "the size of the pictures is not known"
        if type(step) is RandomCrop
        else "albumentations has none like it"
    )
    account.leave_out(path, kind_of(type(step)), known)
    return None


def _affine(path: str, step: Affine, account: Account) -> Tree:
    account.remark(
        "affine: OpenCV reads between pixels in steps of 1/32 pixel, so that grey levels differ a little"
    )
    if step.translate:
        account.leave_out(
            f"{path}.translate", step.translate, "albumentations shifts by whole pixels", INSTEAD
        )
    if step.shear:
        account.leave_out(f"{path}.shear", step.shear, "albumentations shears after turning", INSTEAD)
    shift, scale = [-step.translate, step.translate], [1 - step.scale, 1 + step.scale]
    return _step(
        "Affine",
        scale={"x": scale, "y": scale},
        translate_percent={"x": shift, "y": shift},
        rotate=[-step.degrees, step.degrees],
        shear={axis: [-step.shear, step.shear] for axis in "xy"},
        interpolation=LINEAR,
        keep_ratio=True,
        border_mode=BLACK,
        fill=0,
    )


def _crop(step: RandomCrop, size: tuple[int, int]) -> list[Tree]:
    border = BLACK if step.mode == "constant" else MIRRORED
    padded = _step("Pad", padding=step.padding, border_mode=border, fill=round(step.fill * 255))
    return [padded, _step("RandomCrop", height=size[0], width=size[1])]
