"""A space whose methods look into the model is held against the model before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from automix_search.errors import InputError
from automix_search.launch import Launch, LaunchConfig, resolve

RECIPE = {
    "format": "automix-search/trainer/1",
    "data": {"kind": "digits"},
    "model": {"name": "tiny_cnn"},
    "lr_schedule": {"kind": "cosine", "warmup_epochs": 0},
    "epochs": 1,
}
CUTS = {"kind": "cutmix", "label": {"choice": ["share", "attention"]}}


def launch_of(mix: Any, loss: Any = None, **recipe: Any) -> Launch:
    space = {"format": "automix-search/space/1", "mix": mix, **({} if loss is None else {"loss": loss})}
    return resolve(LaunchConfig(space=space, trainer={**RECIPE, **recipe}, cluster="debug", trials=2))


def test_a_model_that_shows_what_is_looked_at() -> None:
    vit = {"name": "tiny_vit", "options": {"depth": 2}}
    assert len(launch_of(CUTS, model=vit).plan.space.parameters) == 2
    assert len(launch_of({"choice": ["none", {"kind": "snapmix"}]}).plan.space.parameters) == 1


@pytest.mark.parametrize(
    ("mix", "loss", "said"),
    [
        (CUTS, None, r"no attention over all patches.*\(when mix\.label = attention\)"),
        ({"choice": ["none", {"kind": "smmix"}]}, None, "no attention over all patches"),
        ({"kind": "manifoldmix", "layers": [0, {"range": [1, 9]}]}, None, "stages"),
        (
            {"kind": "attentivemix", "extractor": {"choice": ["model", "teacher"]}},
            None,
            "needs a teacher.*= teacher",
        ),
        (
            {"kind": "mixup"},
            {"choice": [{"kind": "soft_cross_entropy"}, {"kind": "mix_kd"}]},
            "needs a teacher",
        ),
    ],
)
def test_a_model_that_does_not(mix: Any, loss: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        launch_of(mix, loss)
