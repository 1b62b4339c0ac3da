"""Manifold mixup: the same as mixup in the input and in linear networks, at layers drawn evenly."""

from collections import Counter

import pytest
import torch
from pydantic import ValidationError
from stepped import MODELS, images, linear_network, model_named, policy_of, step
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.mixing import Pairs
from automix_search.mixing.hidden.manifoldmix import ManifoldMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.signals import ModelSignals, Need, run
from automix_search.signals.layers import stages
from automix_search.testing.mixers import cycle, mixed, pictures
from automix_search.testing.signals import GivenSignals

pers = pytest.mark.parametrize("per", ["batch", "sample"])


@pers
def test_layer_0_is_mixup_bit_for_bit(per: str) -> None:
    model = model_named("small_cnn").eval()
    for seed in range(4):
        batch, outcome = step(ManifoldMix(layers=(0,), alpha=0.7), model, per, seed)
        wanted_batch, wanted = step(Mixup(alpha=0.7), model, per, seed)
        assert batch.hidden is None
        assert torch.equal(batch.inputs, wanted_batch.inputs)
        assert torch.equal(batch.weights, wanted_batch.weights)
        assert torch.equal(outcome.logits, wanted.logits)


def test_layer_0_alone_needs_no_model() -> None:
    assert ManifoldMix(layers=(0,)).needs() == frozenset()
    assert ManifoldMix(layers=(0, 1)).needs() == {Need.LAYERS}
    augment = Policy.model_validate(policy_of(ManifoldMix(layers=(0,)))).build(num_classes=5)
    inputs, targets = augment(images(), torch.arange(6) % 5)
    assert inputs.shape == images().shape
    torch.testing.assert_close(targets.sum(1), torch.ones(6))


@pers
@pytest.mark.parametrize("name", MODELS)
def test_a_share_of_1_gives_the_plain_logits_at_every_layer(name: str, per: str) -> None:
    model = model_named(name).eval()
    plain = model(images())
    for layer in (*range(len(stages(model)) + 1), -1):
        batch, outcome = step(ManifoldMix(layers=(layer,), alpha=0), model, per)
        assert (batch.hidden is None) == (layer == 0)
        torch.testing.assert_close(outcome.logits, plain)


@pers
@pytest.mark.parametrize("layer", [1, 2, 3, -3, "1", "2.0", "2.1", "2.2", "3"])
def test_logits_of_a_linear_network_are_mixed_at_every_layer(layer: int | str, per: str) -> None:
    model = linear_network()
    logits = model(images())
    _, outcome = step(ManifoldMix(layers=(layer,)), model, per)
    assert outcome.weights is not None
    own, partner = outcome.weights.split(1, dim=1)
    torch.testing.assert_close(outcome.logits, own * logits + partner * logits[cycle(6)])
    assert ((own > 0.02) & (own < 0.98)).all()


@pers
@pytest.mark.parametrize("layer", [1, 2, -1])
def test_gradients_are_those_of_the_mixed_features(layer: int, per: str) -> None:
    model = linear_network()
    parameters = list(model.parameters())
    _, outcome = step(ManifoldMix(layers=(layer,)), model, per)
    assert outcome.weights is not None
    logits = model(images())
    wanted = (outcome.weights[:, :1] * logits + outcome.weights[:, 1:] * logits[cycle(6)]).square().sum()
    found = torch.autograd.grad(outcome.logits.square().sum(), parameters)
    for gradient, other in zip(found, torch.autograd.grad(wanted, parameters), strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-4, rtol=1e-4)


@pers
def test_all_tokens_of_a_transformer_are_mixed(per: str) -> None:
    model, seen = model_named("tiny_vit"), list[Tensor]()
    clean = list[Tensor]()
    model.get_submodule("blocks.1").register_forward_hook(lambda _, __, output: clean.append(output))
    model.get_submodule("blocks.2").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    _, outcome = step(ManifoldMix(layers=(2,)), model.eval(), per)
    assert outcome.weights is not None
    own, partner = (weight[:, :, None] for weight in outcome.weights.split(1, dim=1))
    torch.testing.assert_close(seen[0], own * clean[0] + partner * clean[0][cycle(6)])


def test_layers_before_see_clean_samples_and_layers_behind_mixed_ones() -> None:
    """Batch statistics before the layer are those of a plain step, behind it they are not."""
    plain, model = model_named("small_cnn"), model_named("small_cnn")
    plain(images())
    step(ManifoldMix(layers=(2,)), model)
    same = [
        torch.equal(one.running_var, other.running_var)
        for one, other in zip(plain.modules(), model.modules(), strict=True)
        if isinstance(one, nn.BatchNorm2d)
        and isinstance(other, nn.BatchNorm2d)
        and one.running_var is not None
        and other.running_var is not None
    ]
    assert same == [True, True, False, False]


@pytest.mark.parametrize("layers", [(0, 1, 2), (1, "second", -1), (0, 3, 2, 1)], ids=str)
def test_layers_are_drawn_evenly(layers: tuple[int | str, ...]) -> None:
    """Within four standard deviations of 1,500 batches."""
    mixer, random = ManifoldMix(layers=layers), Randomness(Generator().manual_seed(3))
    x = pictures((2, 1, 2, 3))
    pairs = Pairs(x, cycle(2), seen=GivenSignals(x))
    seen: Counter[str] = Counter()
    for _ in range(1500):
        hidden = mixer.mix(pairs, 1, random).hidden
        seen["input" if hidden is None else hidden.layer] += 1
    names = {0: "input", 1: "stem", 2: "first", 3: "second", -1: "second"}
    wanted = Counter(names.get(layer, str(layer)) if isinstance(layer, int) else layer for layer in layers)
    share = 1 / len(layers)
    for name, times in wanted.items():
        expected = times * share
        assert seen[name] / 1500 == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 1500) ** 0.5)
    assert seen.keys() == wanted.keys()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "at least 1 item"),
        ((1, 0, 1), "a layer may stand there once, but 1 stands there again"),
        ((True,), "valid integer"),
        ((1.5,), "valid integer"),
    ],
)
def test_layers_that_are_refused(layers: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ManifoldMix.model_validate({"layers": layers})


def test_layers_out_of_reach_are_found_when_the_policy_is_built() -> None:
    chosen = Policy.model_validate(policy_of(ManifoldMix(layers=(0, 4))))
    with pytest.raises(
        InputError, match=r"no layer 4 to mix: .*its stages are 1 \(`0`\), 2 \(`1`\), 3 \(`2`\)"
    ):
        chosen.build(num_classes=5, model=model_named("tiny_cnn"))
    chosen.build(num_classes=5, model=model_named("small_cnn"))
    named = Policy.model_validate(policy_of(ManifoldMix(layers=("layer3.conv9",))))
    with pytest.raises(InputError, match=r"has no layer `layer3\.conv9`"):
        named.build(num_classes=5, model=model_named("cifar_resnet18"))


def test_without_a_model_a_sentence_says_what_to_call() -> None:
    augment = Policy.model_validate(policy_of(ManifoldMix(layers=(1,)))).build(num_classes=5)
    with pytest.raises(
        InputError, match=r"more than images and labels \(layers\): call `augmenter\.loss\(model"
    ):
        augment(images(), torch.arange(6) % 5)


@pers
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_that_of_the_weights_at_the_layer(name: str, per: str) -> None:
    """A constant label weight everywhere would miss it: the loss mixes the losses of both labels by the share."""
    model = model_named(name).eval()
    chosen = Policy.model_validate(policy_of(ManifoldMix(layers=(-1,)), per=per, partner={"kind": "roll"}))
    augment = chosen.build(num_classes=5, model=model, generator=Generator().manual_seed(4))
    loss = augment.loss(model, images(), torch.arange(6) % 5)
    mixer, partner = ManifoldMix(layers=(-1,)), cycle(6).argsort()

    labels = torch.eye(5)[torch.arange(6) % 5]
    pairs = Pairs(images(), partner, seen=ModelSignals(model, images(), labels))
    random = Randomness(Generator().manual_seed(4))
    outcome = run(model, images(), mixer.mix(pairs, 1 if per == "batch" else 6, random).hidden)
    assert outcome.weights is not None
    targets = outcome.weights[:, :1] * labels + outcome.weights[:, 1:] * labels[partner]
    wanted = -(targets * outcome.logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, wanted)


def test_a_schedule_fades_it_out() -> None:
    mixer = ManifoldMix.model_validate(
        {"layers": [1], "field_schedules": {"alpha": {"kind": "until", "stop": 0.5}}}
    )
    assert mixer.at(0.4).alpha == 2.0
    model = linear_network()
    _, outcome = step(mixer.at(0.6), model)
    torch.testing.assert_close(outcome.logits, model(images()))


@pytest.mark.parametrize("last", [True, False], ids=["channels_last", "contiguous"])
@pers
def test_bfloat16_autocast_and_channels_last(per: str, last: bool) -> None:
    memory = torch.channels_last if last else torch.contiguous_format
    model, x = model_named("cifar_resnet18").to(memory_format=memory), images().to(memory_format=memory)
    seen: list[Tensor] = []
    model.get_submodule("layer2").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    chosen = Policy.model_validate(policy_of(ManifoldMix(layers=(1,)), per=per))
    augment = chosen.build(num_classes=5, model=model, generator=Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = augment.loss(model, x, torch.arange(6) % 5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert seen[0].dtype == torch.bfloat16
    assert seen[0].is_contiguous(memory_format=memory)
    assert loss.dtype == torch.float32
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters()
    )


def test_weights_are_those_of_mixup_for_the_same_draws() -> None:
    _, outcome = step(ManifoldMix(layers=(1,)), linear_network(), "sample", 5)
    wanted, _ = step(Mixup(alpha=2.0), linear_network(), "sample", 5)
    assert outcome.weights is not None
    assert torch.equal(outcome.weights, wanted.weights)
    assert (
        mixed(ManifoldMix(layers=(1,)), Pairs(images(), cycle(6)), "batch").weights.tolist() == [[1, 0]] * 6
    )
