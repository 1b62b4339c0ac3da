"""Which losses go with images of several labels each; found out before any training starts."""

from __future__ import annotations

import pytest
from bars import policy, trainer

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.losses import LOSSES

FOR_ANY = ("binary_cross_entropy", "decoupled_binary")
NEED_A_TEACHER = ("distillation", "mix_kd", "ferkd")
KINDS = [kind_of(member) for member in LOSSES.members]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEED_A_TEACHER])
def test_a_loss_for_one_class_refuses_several_labels(kind: str) -> None:
    named, one = policy(loss={"kind": kind}), trainer(multi_label=True)
    assert trainer().settle(named) == named
    if kind in FOR_ANY:
        assert one.settle(named) == named
    else:
        with pytest.raises(InputError, match=f"the policy's loss `{kind}` is for one class an image"):
            one.settle(named)


@pytest.mark.parametrize("kind", NEED_A_TEACHER)
def test_a_loss_that_learns_from_a_teacher_asks_for_one(kind: str) -> None:
    with pytest.raises(InputError, match="needs a teacher: name one under `teacher:`"):
        trainer().settle(policy(loss={"kind": kind}))
