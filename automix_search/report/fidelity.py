"""What is assumed of early stopping, and what was found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automix_search.evidence.fidelity import MIN_CURVES
from automix_search.report.tally import trials_of
from automix_search.report.wording import count
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.stopping import Asha


def stopping_told(plan: SearchPlan, rule: Asha) -> str:
    """Where a search will stop trainings, and who decides that."""
    first, reduction = rule.assumed(plan.length)
    if first >= plan.length:
        return f"nobody: there is no rung before the last of {count(plan.length, 'epoch')}"
    rung = f"first rung after epoch {first} of {plan.length} and 1 of {reduction} go on"
    baselines, sentinels = len(plan.baselines), min(rule.sentinels, trials_of(plan))
    both = f"{count(baselines, 'baseline')} and {count(sentinels, 'sentinel')}"
    if baselines + sentinels < MIN_CURVES:
        said = "assumed" if rule.first_epoch is None else "as asked"
        return f"{rung}, {said}; {both} are too few for an audit, which takes {MIN_CURVES}"
    if rule.first_epoch is not None:
        return f"{rung}, as asked; an audit over {both} tells whether that was right"
    return f"{rung}, assumed; an audit over {both} sets it as the search goes"


def fidelity_told(audit: Mapping[str, Any]) -> str:
    """What the audit of a search found (`tuning.fidelity_audit.audit_of`), in one sentence."""
    told = f"{_found(audit)}; {_stopped(audit)}" if audit["rule"] == "asha" else _would_have_been(audit)
    return f"Fidelity: {told}."


def _would_have_been(audit: Mapping[str, Any]) -> str:
    """What a search tells of early stopping that had none."""
    found = audit["found"]["first_epoch"]
    if found is None:
        return f"{audit['warning']}; nothing was stopped early, which was right for all that is known"
    like = f"epoch {found} of {audit['epochs']} ranks like the end with {_agreement(audit, found)}"
    return f"{like}; nothing was stopped early, and from there on it might have been"


def _found(audit: Mapping[str, Any]) -> str:
    end, found, assumed = audit["epochs"], audit["found"]["first_epoch"], audit["assumed"]["first_epoch"]
    if not audit["enough"]:
        return f"{audit['warning']}; epoch {assumed} of {end} stays an assumption"
    if not audit["decides"]:
        first = "no first rung" if found is None else f"epoch {found} as the first rung"
        return (
            f"epoch {assumed} of {end}, as asked, has {_agreement(audit, assumed)}; the audit finds {first}"
        )
    if found is None:
        return f"{audit['warning']}; nothing is to be stopped early"
    return f"epoch {found} of {end} ranks like the end with {_agreement(audit, found)}"


def _agreement(audit: Mapping[str, Any], epoch: int) -> str:
    """How far an epoch ranks like the end."""
    rung = next((rung for rung in audit["rungs"] if rung["epoch"] == epoch and rung["tau"] is not None), None)
    if rung is None:
        return "no tau that could be told"
    low, high = rung["interval"]
    return f"tau {rung['tau']:.2f} ({low:.2f} to {high:.2f}) over {count(rung['curves'], 'training')}"


def _stopped(audit: Mapping[str, Any]) -> str:
    many = audit["stopped"]
    return f"{count(many, 'training')} {'was' if many == 1 else 'were'} stopped early"
