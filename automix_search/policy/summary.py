"""A policy in one line, for tables."""

from __future__ import annotations

from typing import Any

from automix_search.families import Spec, kind_of
from automix_search.losses import AbstractLoss, BinaryCrossEntropy, SoftCrossEntropy
from automix_search.mixing import Switch
from automix_search.policy.schema import Policy
from automix_search.schedules import AbstractSchedule, Constant

MOST_ITEMS = 3
"""Items of a list that are told one by one."""


def summary(policy: Policy) -> str:
    """What a policy does, in one line: `affine(degrees=5) + 0.8×cutmix(alpha=0.7) until 0.9, smoothing 0.1`."""
    steps = [*policy.transform.load, *policy.transform.batch]
    parts = [_call(step, skip=("schedule",)) + _when(getattr(step, "schedule", None)) for step in steps]
    if policy.learned is not None:
        parts.append(_call(policy.learned, skip=("weights", "trunk", "marginal")))
    parts.append(_mix(policy.mix))
    return (" + ".join(part for part in parts if part) or "none") + _loss(policy.loss)


def _loss(loss: AbstractLoss) -> str:
    """A loss that is not the usual one, and smoothing."""
    usual = isinstance(loss, SoftCrossEntropy | BinaryCrossEntropy)
    smoothing = f", smoothing {loss.smoothing:.2g}" if loss.smoothing else ""
    return ("" if usual else f", {_call(loss, skip=('smoothing',))}") + smoothing


def _mix(mix: Switch) -> str:
    options = [option for option in mix.options if option.weight > 0]
    calls = [call for option in options if (call := _call(option.method)) != "none"]
    if not calls or mix.probability == 0:
        return ""
    often = "" if mix.probability == 1 else f"{mix.probability:.2g}×"
    body = calls[0] if len(calls) == 1 else f"({' | '.join(calls)})"
    return often + body + (" per sample" if mix.per == "sample" else "") + _when(mix.schedule)


def _call(spec: Spec, skip: tuple[str, ...] = ()) -> str:
    schedules = getattr(spec, "field_schedules", {})
    fields = [
        f"{name}={_short(value)}{_when(schedules.get(name))}"
        for name, value in spec
        if name not in ("kind", "field_schedules", *skip)
        and (name in schedules or value != type(spec).model_fields[name].default)
    ]
    return kind_of(type(spec)) + (f"({', '.join(fields)})" if fields else "")


def _short(value: Any) -> str:
    if isinstance(value, tuple) and len(value) > MOST_ITEMS:
        return f"[{len(value)} of them]"
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _when(schedule: AbstractSchedule | None) -> str:
    return "" if schedule is None or isinstance(schedule, Constant) else f" {_call(schedule)}"
