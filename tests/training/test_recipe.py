"""Recipes as files: what is read, what is written out, and one clear sentence for each mistake."""

from pathlib import Path
from typing import Any

import pytest
from bars import network, recipe

from automix_search.documents import Document, parse_yaml, to_yaml
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.metrics import METRICS
from automix_search.models import ModelSpec, build_model
from automix_search.ranges import Choice, Range, declared_range
from automix_search.training.base import Objective
from automix_search.training.optimisation import set_rate
from automix_search.training.optimizers import OptimizerSettings
from automix_search.training.recipe import Recipe, load_recipe
from automix_search.validation import dump

WHOLE = """\
format: automix-search/trainer/1
data: {kind: digits}
model: {name: tiny_cnn}
optimizer: {name: adamw, lr: 1e-3}
lr_schedule: {kind: cosine, warmup_epochs: 1}
epochs: 8
objective: {metric: nll}
"""


def read(text: str) -> Recipe:
    return load_recipe(parse_yaml(text, "mine.yaml"))


def test_reads_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(WHOLE)
    found = load_recipe(tmp_path / "mine.yaml")
    assert found == read(WHOLE)
    assert (found.optimizer.name, found.optimizer.lr, found.epochs) == ("adamw", 1e-3, 8)
    assert found.goal() == Objective("nll", "min")


def test_writes_out_every_effective_value() -> None:
    tree = dump(read(WHOLE))
    assert tree["objective"] == {"metric": "nll", "direction": "min"}
    assert tree["optimizer"]["weight_decay"] == 5e-4
    assert next(iter(tree)) == "format"
    assert load_recipe(parse_yaml(to_yaml(tree), "again")) == read(WHOLE)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("adamw", "adamv", r"mine\.yaml:4 optimizer\.name: unknown optimiser `adamv`; did you mean `adam"),
        ("adamw", "adahessian", "optimizer.name: unknown optimiser `adahessian`"),
        ("lr: 1e-3", "lr: 0", r"optimizer\.lr: must be greater than 0, but got 0"),
        ("lr: 1e-3", "lr: fast", r"optimizer\.lr: must be a number.*'fast'"),
        ("lr: 1e-3", "learning_rate: 1", r"optimizer\.learning_rate: unknown field"),
        ("epochs: 8", "epochs: 0", r"mine\.yaml:6 epochs: must be greater than or equal to 1, but got 0"),
        ("epochs: 8", "batch_size: 1", "batch_size: must be greater than or equal to 2, but got 1"),
        ("epochs: 8", "epochs: 1", "`lr_schedule.warmup_epochs < epochs` must hold, but got 1 and 1"),
        (
            "nll",
            "acuracy",
            r"mine\.yaml:7 objective\.metric: unknown metric `acuracy`; did you mean `accuracy`",
        ),
        (
            "nll",
            "adaptiv_ece",
            r"objective\.metric: unknown metric `adaptiv_ece`; did you mean `adaptive_ece`",
        ),
        ("epochs: 8", "metrics: [nll, ecee]", r"metrics: unknown metric `ecee`; did you mean `ece`"),
        ("nll", "nll, direction: max", r"objective\.direction: the metric `nll` is better when lower"),
        ("kind: cosine", "kind: cosin", "unknown learning-rate schedule `cosin`; did you mean `cosine`"),
        ("kind: digits", "kind: digit", "unknown data set `digit`; did you mean `digits`"),
        ("epochs: 8", "precision: float8", "`float8` is not allowed.*float16"),
        ("epochs: 8", "ema: 1.0", "ema: must be less than 1, but got 1.0"),
        ("epochs: 8", "weights: nowhere.pt", "weights: there is no file nowhere.pt"),
        ("epochs: 8", "baselines: {none: {}}", "`none` is a baseline of every search already"),
        ("epochs: 8", "resources: {gpus: 1.5}", "`gpus` above 1 must be whole, but got 1.5"),
        ("epochs: 8", "task: detection", "task: "),
        ("trainer/1", "trainer/2", "written by a newer automix-search"),
        ("trainer/1", "policy/1", "a trainer file says `format: automix-search/trainer/1`"),
        ("model: {name: tiny_cnn}\n", "", "mine.yaml: the field `model` is missing"),
        ("data: {kind: digits}\n", "", "mine.yaml: the field `data` is missing"),
    ],
)
def test_mistakes(line: str, instead: str, message: str) -> None:
    assert line in WHOLE
    with pytest.raises(InputError, match=message):
        read(WHOLE.replace(line, instead))


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read(WHOLE.replace("adamw", "adamv").replace("epochs: 8", "epochs: -3"))
    assert len(str(caught.value).splitlines()) == 2


def specs(spec: Spec) -> list[Spec]:
    inner = [getattr(spec, name) for name in type(spec).model_fields]
    return [spec, *(found for value in inner if isinstance(value, Spec) for found in specs(value))]


def test_declared_ranges_are_allowed_values() -> None:
    checked = 0
    for spec in specs(read(WHOLE)):
        for name, field in type(spec).model_fields.items():
            declared = declared_range(field)
            if isinstance(declared, Range):
                values: tuple[Any, ...] = (declared.low, declared.high)
            else:
                values = declared.options if isinstance(declared, Choice) else ()
            for value in values:
                whole = int(value) if isinstance(getattr(spec, name), int) else value
                type(spec).model_validate(dump(spec) | {name: whole})
                checked += 1
    assert checked > 20


def test_every_metric_may_be_the_objective_and_be_reported() -> None:
    for metric in METRICS:
        found = read(WHOLE.replace("nll", metric.name) + f"metrics: [nc1, {metric.name}, nc1]")
        assert found.goal() == Objective(metric.name, metric.direction)
        assert found.metrics == tuple(dict.fromkeys(["nc1", metric.name]))
    assert read(WHOLE).metrics == ("accuracy", "nll")


def test_weights_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "start.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert read(WHOLE + "weights: start.pt").weights == tmp_path / "start.pt"


def test_layer_decay_scales_the_rate() -> None:
    model = build_model(ModelSpec(name="test_vit"), channels=1, size=(16, 16), num_classes=3)
    optimizer = OptimizerSettings(lr=0.4, layer_decay=0.5).build(model)
    set_rate(optimizer, 0.25)
    set_rate(optimizer, 0.5)
    rates = {id(item): group["lr"] for group in optimizer.param_groups for item in group["params"]}
    named = {name: rates[id(item)] for name, item in model.named_parameters()}
    assert named["head.weight"] == pytest.approx(0.2)
    assert named["patch_embed.proj.weight"] < named["blocks.0.attn.qkv.weight"] < named["head.weight"]
    with pytest.raises(InputError, match=r"`optimizer\.layer_decay` has no effect"):
        OptimizerSettings(layer_decay=0.5).build(network(3, 1))


def test_biases_and_norms_do_not_decay() -> None:
    model = network(3, 1)
    optimizer = OptimizerSettings(weight_decay=0.3).build(model)
    for group in optimizer.param_groups:
        for item in group["params"]:
            assert group["weight_decay"] == (0.3 if item.ndim > 1 else 0.0)


def test_a_recipe_without_data_is_for_programs() -> None:
    assert recipe().data is None
    with pytest.raises(InputError, match=r"mine\.yaml does not say what it is"):
        load_recipe(Document([], "mine.yaml"))
