"""Arguments of timm's training script, `train.py`."""

from __future__ import annotations

from dataclasses import dataclass

from automix_search.families import kind_of
from automix_search.mixing.partners import Flip
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy.exporters.base import AbstractExporter, Account, Exported
from automix_search.policy.exporters.plain import (
    INSTEAD,
    UNMIXED,
    Chance,
    Library,
    batch_steps,
    is_binary,
    plain_mix,
    without_learned,
    without_schedules,
)
from automix_search.policy.schema import Policy
from automix_search.schedules import Constant
from automix_search.schedules.switches import Until
from automix_search.transforms import AbstractBatchTransform
from automix_search.transforms.auto_augment import AutoAugment
from automix_search.transforms.flip import HorizontalFlip
from automix_search.transforms.random_augment import RandAugment
from automix_search.transforms.random_erasing import RandomErasing
from automix_search.transforms.resize import ResizedCrop

TIMM = Library(
    "timm",
    (Mixup, CutMix, CutMixMinMax),
    (Flip, "timm mixes the first sample with the last, the second with the last but one, our `flip`"),
    per_sample=True,
)
ODD_BOXES = (
    "CutMix: timm also cuts boxes with sides of odd length, where ours are one pixel less; "
    "labels are by the box that was cut in both"
)
ROUNDED = (
    "mixup: unless `--no-prefetcher` is given, timm mixes before normalising and rounds to whole grey levels"
)
WHOLE = "pictures are read as they are"
REMODES = {"constant": "const", "colour": "rand", "pixel": "pixel"}

Arguments = dict[str, str]


class TimmArguments(AbstractExporter):
    """One argument of `train.py` a line; whatever the script would do by default is switched off by name."""

    name = "timm"
    suffix = ".args"

    def export(self, policy: Policy) -> Exported:
        account = Account()
        arguments = timm_arguments(policy, account)
        lines = [
            "# An augmentation policy as arguments of timm's train.py:",
            "#   grep -v '^#' FILE | xargs python train.py --data-dir ... --model ...",
            *account.comments(),
            *(f"--{name} {value}".rstrip() for name, value in arguments.items()),
        ]
        return account.exported("\n".join(lines) + "\n")


def timm_arguments(policy: Policy, account: Account) -> Arguments:
    """The arguments by name, without dashes; a switch has an empty value."""
    without_learned(policy, account)
    arguments = _mixing(policy, account) | _loss(policy, account)
    return arguments | _pictures(policy, account)


def _loss(policy: Policy, account: Account) -> Arguments:
    binary = is_binary(policy.loss, "timm", account)
    if binary and not policy.mix.mixes and not policy.loss.smoothing:
        why = "train.py takes cross-entropy where nothing is mixed and nothing smoothed"
        account.leave_out("loss", kind_of(type(policy.loss)), why)
    return {"smoothing": repr(policy.loss.smoothing)} | ({"bce-loss": ""} if binary else {})


def _mixing(policy: Policy, account: Account) -> Arguments:
    chances = plain_mix(policy.mix, TIMM, account)
    mixup, cut = _one(chances, (Mixup,), account), _one(chances, (CutMix, CutMixMinMax), account)
    total = mixup.chance + cut.chance
    arguments = {"mixup": "0.0", "cutmix": "0.0"}
    if total == 0:
        return arguments
    if isinstance(mixup.method, Mixup):
        arguments["mixup"] = repr(mixup.method.alpha)
        account.remark(ROUNDED)
    if isinstance(cut.method, CutMix):
        arguments["cutmix"] = repr(cut.method.alpha)
        account.remark(ODD_BOXES)
    if isinstance(cut.method, CutMixMinMax):
        arguments["cutmix-minmax"] = f"{cut.method.smallest!r} {cut.method.largest!r}"
    arguments["mixup-prob"] = f"{min(total, 1.0):.12g}"
    arguments["mixup-switch-prob"] = f"{cut.chance / total:.12g}"
    arguments["mixup-mode"] = "elem" if policy.mix.per == "sample" else "batch"
    return arguments | _end(policy, account)


@dataclass(frozen=True)
class _Part:
    method: Mixup | CutMix | CutMixMinMax | None
    chance: float


def _one(chances: list[Chance], kinds: tuple[type, ...], account: Account) -> _Part:
    """The one method of some kinds, with the chances of all that are like it; others beside it are left out."""
    found = [each for each in chances if isinstance(each.method, kinds)]
    for other in found:
        if other.method != found[0].method:
            why = "timm takes one kind of mixup and one of CutMix"
            account.leave_out(f"mix.options[{other.place}].method", kind_of(type(other.method)), why, UNMIXED)
    alike = [each.chance for each in found if each.method == found[0].method]
    return _Part(found[0].method if found else None, sum(alike))


def _end(policy: Policy, account: Account) -> Arguments:
    """When mixing ends; timm counts it in epochs."""
    schedule = policy.mix.schedule
    if isinstance(schedule, Constant) or (isinstance(schedule, Until) and schedule.stop == 1):
        return {}
    epochs = _epochs(policy)
    if not isinstance(schedule, Until):
        why = "timm mixes alike until it stops"
    elif epochs is None:
        why = "timm counts epochs, and the policy does not say of how many"
    elif (last := round(schedule.stop * epochs)) == 0:
        why = "timm mixes in the first epoch at least"
    else:
        if last != schedule.stop * epochs:
            account.remark(f"mixing ends with epoch {last}, not after {schedule.stop * epochs:g}")
        return {"epochs": str(epochs), "mixup-off-epoch": str(last)}
    account.leave_out("mix.schedule", kind_of(type(schedule)), why, "it is mixed in the whole training")
    return {}


def _epochs(policy: Policy) -> int | None:
    """Epochs of the recipe that the policy was searched with."""
    recipe = None if policy.provenance is None else policy.provenance.trainer
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    return epochs if isinstance(epochs, int) else None


def _pictures(policy: Policy, account: Account) -> Arguments:
    """Arguments of the transforms of single pictures, in the order in which timm does them."""
    steps = list(batch_steps(policy))
    arguments = _reading(policy, bool(steps), account)
    if not steps and "no-aug" in arguments:
        return arguments
    arguments |= {"hflip": "0.0", "color-jitter": "0.0", "reprob": "0.0"}
    before = 0
    for path, step in steps:
        without_schedules(step, path, account)
        place, found = _step(path, step, policy, account)
        if place and place <= before:
            why = "timm flips first, then applies `--aa`, then erases, each once"
            account.leave_out(path, kind_of(type(step)), why)
            continue
        before = max(before, place)
        arguments |= found
    return arguments


def _reading(policy: Policy, steps: bool, account: Account) -> Arguments:
    """How pictures are cut and resized when they are read; without a load stage they stay as they are."""
    images = None if policy.provenance is None else policy.provenance.images()
    sized = {} if images is None else {"input-size": f"{images.channels} {images.size[0]} {images.size[1]}"}
    first, *others = policy.transform.load or (None,)
    for place, other in enumerate(others):
        account.leave_out(f"transform.load[{place + 1}]", kind_of(type(other)), "timm cuts pictures once")
    if isinstance(first, ResizedCrop):
        return {
            "img-size": str(first.size),
            "scale": f"{first.smallest!r} 1.0",
            "ratio": f"{1 / first.stretch!r} {first.stretch!r}",
            "train-interpolation": first.interpolation,
            "crop-pct": repr(first.evaluation_share),
        }
    if first is not None:
        account.leave_out("transform.load[0]", kind_of(type(first)), "timm cuts a part out", WHOLE)
    elif images is None:
        account.remark(
            "the size of the pictures is not known: give `--input-size C H W`, that they have already"
        )
    if not steps:
        return {"no-aug": ""} | sized
    if images is None:
        account.remark("pictures stay whole only if they are square")
    elif images.size[0] != images.size[1]:
        size = f"{images.size[0]} x {images.size[1]}"
        account.leave_out(
            "provenance.data.size",
            size,
            "timm keeps pictures whole only if they are square",
            "a square is cut out",
        )
    return {"scale": "1.0 1.0", "ratio": "1.0 1.0", "train-interpolation": "bilinear"} | sized


def _step(path: str, step: AbstractBatchTransform, policy: Policy, account: Account) -> tuple[int, Arguments]:
    """The place of a transform in timm's order, from 1, and its arguments; 0 and none where timm lacks it."""
    if type(step) is HorizontalFlip:
        return 1, {"hflip": repr(step.probability)}
    if type(step) is RandAugment:
        return 2, {"aa": _rand_augment(path, step, account)}
    if type(step) is AutoAugment and step.policy == "imagenet":
        why = "timm's `original` fills with the data's mean and reads bilinearly or bicubically"
        account.leave_out(path, "auto_augment", why, INSTEAD)
        return 2, {"aa": "original"}
    if type(step) is RandomErasing:
        return 3, _erasing(path, step, policy, account)
    account.leave_out(path, kind_of(type(step)), "train.py has no such transform")
    return 0, {}


def _rand_augment(path: str, step: RandAugment, account: Account) -> str:
    name = (
        f"rand-m{round(step.magnitude / 3)}-n{step.num_ops}-p{step.operation_probability:g}"
        f"-mstd{step.magnitude_std / 3:g}-inc1"
    )
    why = "timm's has other operations, strengths and fill"
    account.leave_out(path, "rand_augment", why, f"the nearest is written, `{name}`")
    return name


def _erasing(path: str, step: RandomErasing, policy: Policy, account: Account) -> Arguments:
    for name, fixed in (("smallest", 0.02), ("largest", 1 / 3), ("narrowest", 0.3)):
        if getattr(step, name) != fixed:
            account.leave_out(
                f"{path}.{name}", getattr(step, name), f"it is {fixed:.3g} in train.py", INSTEAD
            )
    if step.count > 1:
        account.leave_out(
            f"{path}.count", step.count, "timm draws a number of rectangles from 1 to that", INSTEAD
        )
    images = None if policy.provenance is None else policy.provenance.images()
    if step.fill != "constant":
        why = "timm's noise comes after normalising, and is not cut off at black and white"
        account.leave_out(f"{path}.fill", step.fill, why, INSTEAD)
    elif images is None or set(images.mean) != {step.brightness}:
        why = "timm erases to the data's mean"
        account.leave_out(f"{path}.brightness", step.brightness, why, INSTEAD)
    return {
        "reprob": repr(step.probability),
        "remode": REMODES[step.fill],
        "recount": str(step.count),
    }
