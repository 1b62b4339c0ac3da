"""The part of a policy that other libraries know: mixup and CutMix, two losses, and no schedules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from automix_search.families import kind_of
from automix_search.losses import AbstractLoss, BinaryCrossEntropy, SoftCrossEntropy
from automix_search.mixing import AbstractMixer, AbstractPartner, Switch
from automix_search.mixing.labels import ShareLabels
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.mixing.pixels.none import NoMix
from automix_search.policy.exporters.base import Account
from automix_search.policy.schema import Policy
from automix_search.schedules import Constant
from automix_search.transforms import AbstractBatchTransform

PlainMixer = Mixup | CutMix | CutMixMinMax
STEADY = "what changes in the course of the training cannot be written there"
UNSCHEDULED = "it is written without the schedule"
INSTEAD = "that is written"
UNMIXED = "nothing is mixed in its place"


@dataclass(frozen=True)
class Library:
    """What a library mixes.

    Attributes:
        name: As people write it.
        methods: Its mixing methods, as ours.
        partner: Whom it mixes every sample with, as our rule, and that in words.
        per_sample: Whether samples of a batch can be mixed differently.
    """

    name: str
    methods: tuple[type[AbstractMixer], ...]
    partner: tuple[type[AbstractPartner], str]
    per_sample: bool


@dataclass(frozen=True)
class Chance:
    """A method and how often it mixes, in [0, 1].

    Attributes:
        place: Its place among the options of the switch.
    """

    method: PlainMixer
    chance: float
    place: int


def plain_mix(mix: Switch, library: Library, account: Account) -> list[Chance]:
    """The methods of a switch that a library knows, with their chances; what it does not know is left out."""
    if not mix.mixes:
        return []
    chances = list(_chances(mix, library, account))
    partner, rule = library.partner
    if type(mix.partner) is not partner:
        account.leave_out("mix.partner", kind_of(type(mix.partner)), rule, INSTEAD)
    if mix.per == "sample" and not library.per_sample:
        account.leave_out("mix.per", mix.per, f"{library.name} mixes a whole batch in one way", INSTEAD)
    if type(mix.label) is not ShareLabels:
        account.leave_out(
            "mix.label", kind_of(type(mix.label)), f"{library.name} gives labels by the share only", INSTEAD
        )
    return chances


def _chances(mix: Switch, library: Library, account: Account) -> Iterator[Chance]:
    total = sum(option.weight for option in mix.options)
    for place, option in enumerate(mix.options):
        method, path = option.method, f"mix.options[{place}].method"
        if option.weight == 0 or type(method) is NoMix or getattr(method, "alpha", 1) == 0:
            continue
        if not isinstance(method, PlainMixer) or type(method) not in library.methods:
            why = f"{library.name} has no such method"
            account.leave_out(path, kind_of(type(method)), why, UNMIXED)
            continue
        for name in method.field_schedules:
            account.leave_out(
                f"{path}.field_schedules.{name}",
                kind_of(type(method.field_schedules[name])),
                STEADY,
                UNSCHEDULED,
            )
        if isinstance(method, CutMix) and method.aspect != "image":
            why = f"boxes of {library.name} have the picture's proportions"
            account.leave_out(f"{path}.aspect", method.aspect, why, INSTEAD)
        yield Chance(method, mix.probability * option.weight / total, place)


def without_schedule(policy: Policy, account: Account) -> None:
    """Leave out the schedule of the mixing, where there is one."""
    if policy.mix.mixes and not isinstance(policy.mix.schedule, Constant):
        kind = kind_of(type(policy.mix.schedule))
        account.leave_out("mix.schedule", kind, STEADY, UNSCHEDULED)


def is_binary(loss: AbstractLoss, library: str, account: Account) -> bool:
    """Whether the loss asks one yes-or-no question a class; any but the two usual ones is left out."""
    if type(loss) not in (SoftCrossEntropy, BinaryCrossEntropy):
        account.leave_out(
            "loss", kind_of(type(loss)), f"{library} has no such loss", "cross-entropy is written"
        )
    return type(loss) is BinaryCrossEntropy


def without_learned(policy: Policy, account: Account) -> None:
    """Leave out what learns."""
    if policy.learned is not None:
        why = "it needs automix_search at run time; `automix-search distil` writes it as a plain policy first"
        account.leave_out("learned", kind_of(type(policy.learned)), why)


def without_schedules(step: AbstractBatchTransform, path: str, account: Account) -> None:
    """Leave out the schedules of a transform."""
    if not isinstance(step.schedule, Constant):
        account.leave_out(f"{path}.schedule", kind_of(type(step.schedule)), STEADY, UNSCHEDULED)
    for name, schedule in step.field_schedules.items():
        account.leave_out(f"{path}.field_schedules.{name}", kind_of(type(schedule)), STEADY, UNSCHEDULED)


def batch_steps(policy: Policy) -> Iterator[tuple[str, AbstractBatchTransform]]:
    """The batch transforms that ever act, with their paths."""
    for place, step in enumerate(policy.transform.batch):
        if step.probability > 0:
            yield f"transform.batch[{place}]", step
