"""Pictures as the winning policy makes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from automix_search.data import Batches, Splits
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.images import ImageSpec
from automix_search.policy import Policy
from automix_search.policy.summary import summary
from automix_search.report.gallery.exhibits import Exhibit, Stage
from automix_search.report.page.material import Material
from automix_search.report.page.parts import Paragraph, Picture, Pictures, Section
from automix_search.report.page.winner import own_data, policy_of, stand_in

SHOWN, IN_A_BATCH, LARGEST = 8, 32, 160
PROGRESSES = {"at the start": 0.0, "half way": 0.5, "at the end": 1.0}

Rows = list[tuple[str, Sequence[Picture]]]


def pictures(material: Material) -> Section | None:
    """The same pictures with and without the policy; None before there is a policy that can be read."""
    policy = policy_of(material)
    if policy is None:
        if not material.run.policy.exists():
            return None
        line = "The best policy names methods of your own, whose code a report does not run."
        return Section("pictures", "What the policy does", [Paragraph(line)])
    own = own_data(material)
    splits = own or stand_in(material)
    told = (
        "the run's own training data" if own else f"{splits.info.name}, for the run's own data is not at hand"
    )
    try:
        rows = looked_at(policy, splits) if sees_more(policy) else augmented(policy, splits)
    except InputError as error:
        line = f"Pictures of this policy cannot be drawn: {error}."
        return Section("pictures", "What the policy does", [Paragraph(line)])
    caption = f"{summary(policy)}. Pictures of {told}; below each, what it is labelled with."
    return Section("pictures", "What the policy does", [Pictures(caption, rows)])


def sees_more(policy: Policy) -> bool:
    """Whether the policy looks into the model that is trained, or mixes inside it."""
    return bool(policy.needs() or policy.mix.hidden_layers())


def augmented(policy: Policy, splits: Splits, seed: int = 0) -> Rows:
    """Pictures as they are, and under the policy at three moments of a training, each with draws of its own.

    Raises:
        InputError: The policy does not fit the data, or needs a model.
    """
    info = splits.info
    spec = ImageSpec(info.channels, info.size, info.mean, info.std)
    generator = Generator().manual_seed(seed)
    augmenter = policy.build(num_classes=info.num_classes, input=spec, generator=generator)
    size = min(IN_A_BATCH, len(splits.train))
    batches = Batches(splits.train, size, torch.device("cpu"), load=policy.transform.load)
    batch = next(iter(batches.epoch(Generator().manual_seed(seed))))
    plain = batch.inputs.float() / 255 if batch.inputs.dtype == torch.uint8 else batch.inputs
    encoded = augmenter.criterion.encode(batch.labels, info.num_classes)
    rows: Rows = [("as they are", _row(plain, encoded, info.class_names))]
    scale = [torch.tensor(numbers).view(1, spec.channels, 1, 1) for numbers in (spec.mean, spec.std)]
    for title, progress in PROGRESSES.items():
        images, targets = augmenter(batch.inputs, batch.labels, progress)
        rows.append((title, _row(images.float() * scale[1] + scale[0], targets, info.class_names)))
    return rows


def looked_at(policy: Policy, splits: Splits, seed: int = 0) -> Rows:
    """What each method of the policy does by itself, for a small network that has seen such pictures for a moment.

    Raises:
        InputError: There are too few pictures.
    """
    stage = Stage(splits, SHOWN // 2, seed)
    return [
        (f"{exhibit.title} {exhibit.remark}".strip(), _exhibited(exhibit)) for exhibit in _each(policy, stage)
    ]


def _each(policy: Policy, stage: Stage) -> Iterator[Exhibit]:
    yield from stage.originals()
    for transform in policy.transform.batch:
        yield stage.transformed(transform)
    for option in policy.mix.options:
        if option.weight > 0 and kind_of(type(option.method)) != "none":
            yield stage.exhibit(option.method)


def _exhibited(exhibit: Exhibit) -> list[Picture]:
    return [Picture(as_address(picture.pixels), ", ".join(picture.lines)) for picture in exhibit.pictures]


def _row(images: Tensor, targets: Tensor, names: Sequence[str]) -> list[Picture]:
    return [
        Picture(as_address(image), labelled(target, names))
        for image, target in zip(images[:SHOWN], targets[:SHOWN], strict=True)
    ]


def labelled(target: Tensor, names: Sequence[str]) -> str:
    """The two classes that an item is labelled with most: `cat 60%, dog 40%`."""
    heaviest = target.argsort(descending=True)[:2].tolist()
    told = [(str(names[place]), float(target[place])) for place in heaviest if target[place] > 0.05]
    if len(told) == 1:
        return told[0][0]
    return ", ".join(f"{name} {share:.0%}" for name, share in told)


def as_address(pixels: Tensor) -> str:
    """A picture, float in [0, 1], `C x H x W`, as a `data:` address of a PNG; large ones are made smaller."""
    shown = pixels if len(pixels) == 3 else pixels[:1].expand(3, -1, -1)
    levels = (shown.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(levels.numpy()))
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
