"""The teacher of AutoMix and its kin: what it looks at, how it follows the model, what of it is used again."""

import itertools
from functools import partial

import pytest
import torch
from mask_lessons import CLASSES, SHAPE, a_draw, augmenter_of, batch, begun, step_of
from torch import Generator, nn

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned import LearnedStep, StepContext
from automix_search.learned.automix import AdAutoMix, AutoMix
from automix_search.learned.automix.momentum import follow_rate
from automix_search.losses import RegMixup
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.policy.augmenter import LearnedPart
from automix_search.testing.learned import LearnedContract, assert_same, learner_of


class Trained(LearnedContract):
    """A training of AutoMix; its contract stands in its own file."""

    __test__ = False
    learned = AutoMix()


def test_the_teacher_follows_ever_more_slowly():
    rates = [follow_rate(step / 1000, 1e-3, 1e-6) for step in range(1001)]
    assert rates[0] == rates[99] == 1e-3
    assert rates[-1] == pytest.approx(1e-6)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
    assert 1 - follow_rate(0.5, 1e-3, 1e-6) == pytest.approx(0.999999 - (0.999999 - 0.999) / 2)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_teacher_that_stays_and_one_that_takes_all_over(rate):
    learner, model = begun(AutoMix())
    before = [parameter.clone() for parameter in learner.teacher.looker.network.parameters()]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    learner.teacher.follow(model, rate)
    after = list(learner.teacher.looker.network.parameters())
    wanted = list(model.parameters()) if rate else before
    assert all(torch.equal(one, other) for one, other in zip(after, wanted, strict=True))


def test_after_a_step_the_teacher_has_followed():
    learner, model = begun(AutoMix(follow_start=0.1, follow_end=0.01))
    before = [parameter.clone() for parameter in learner.teacher.looker.network.parameters()]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner.update(StepContext(model, optimizer, batch(), None, 0.0))
    after = learner.teacher.looker.network.parameters()
    for old, new, theirs in zip(before, after, model.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * theirs)
    assert learner.record()["teacher"]["momentum"] == pytest.approx(0.9)
    assert set(learner.record()["loss of the teacher"]) == {"learned", "flat", "even"}


def test_a_teacher_of_half_the_resolution_looks_at_a_quarter_of_the_pixels():
    learner, model = begun(AutoMix(resolution=0.5, layer=1))
    seen = []
    learner.teacher.looker.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    learner.learning_loss(step_of(model, *batch()))
    assert [tuple(shape[2:]) for shape in seen] == [(6, 8), (6, 8), (12, 16), (12, 16)]


def test_statistics_of_the_teacher_are_its_own_and_of_clean_images():
    learner, model = begun(AutoMix())
    images, _ = batch()
    norm = learner.teacher.looker.network[0][1]
    before = norm.running_mean.clone()
    learner.teacher.logits(images)
    learner.teacher.maps(images, gather=False)
    assert torch.equal(norm.running_mean, before)
    learner.teacher.maps(images)
    assert not torch.equal(norm.running_mean, before)
    assert not norm.training
    gathered = norm.running_mean.clone()
    learner.learning_loss(step_of(model, *batch()))
    assert not torch.equal(norm.running_mean, gathered)
    learner.teacher.follow(model, 1.0)
    assert not torch.equal(norm.running_mean, model[0][1].running_mean)


def test_what_comes_after_the_layer_does_not_run():
    learner, _ = begun(AutoMix(layer=1))
    ran = []
    for module in learner.teacher.looker.network:
        module.register_forward_hook(lambda *_: ran.append(1))
    features = learner.teacher.maps(torch.rand(2, *SHAPE))
    assert (len(ran), features.shape) == (1, (2, 8, 12, 16))


def test_tokens_of_a_transformer_are_places():
    spec = ModelSpec(name="tiny_vit")
    model = build_model(spec, channels=3, size=(12, 16), num_classes=CLASSES)
    learner, model = begun(AutoMix(), model)
    images, labels = batch()
    assert learner.teacher.maps(images).shape == (6, 64, 6, 8)
    learner.learning_loss(step_of(model, images, labels)).backward()


class ClassToken(nn.Module):
    """Puts a token that is no place before those that are."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        tokens = features.flatten(2).mT
        return torch.cat((torch.full_like(tokens[:, :1], 99.0), tokens), 1)


def test_a_class_token_is_no_place():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 2, 2), ClassToken(), nn.LayerNorm(8), nn.Flatten(), nn.Linear(392, 3)
    )
    learner, model = begun(AutoMix(layer="1"), model)
    images = torch.rand(2, *SHAPE)
    torch.testing.assert_close(learner.teacher.maps(images), model[0](images))


def test_what_comes_after_the_layer_does_not_change_what_was_seen():
    """The activation after the norm works in place."""
    learner, _ = begun(AdAutoMix(layer="1.1"))
    images = torch.rand(2, *SHAPE)
    features, logits = learner.teacher.look(images)
    assert features.min() < 0
    torch.testing.assert_close(features, learner.teacher.maps(images))
    torch.testing.assert_close(logits, learner.teacher.logits(images))


@pytest.mark.parametrize(
    ("size", "layer", "grid"), [((32, 48), "1", (16, 24)), ((16, 24), "1", (8, 12)), ((6, 8), "0", (6, 8))]
)
def test_a_layer_that_nobody_names_has_places_enough(size, layer, grid):
    model = build_model(ModelSpec(name="tiny_cnn"), channels=3, size=size, num_classes=CLASSES)
    learner = augmenter_of(AutoMix(), model, (3, *size), CLASSES).learner
    assert learner.teacher.layer == layer
    assert learner.teacher.maps(torch.rand(2, 3, *size)).shape[2:] == grid


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"layer": "3.pool"}, r"features at several places.*`3.pool` gives \(2, 32, 1, 1\)"),
        ({"layer": "3.linear"}, r"features at several places.*`3.linear` gives \(2, 3\)"),
        ({"layer": 4}, "the model has no layer 4"),
        ({"layer": "layer3"}, "no layer `layer3`"),
    ],
)
def test_a_layer_without_places_is_refused(spec, sentence):
    with pytest.raises(InputError, match=sentence):
        begun(AutoMix(**spec))


def test_a_model_of_one_size_cannot_look_at_smaller_images():
    model = build_model(ModelSpec(name="tiny_vit"), channels=3, size=(12, 16), num_classes=CLASSES)
    with pytest.raises(InputError, match="cannot look at images of 6 x 8 pixels; `resolution: 1`"):
        begun(AutoMix(resolution=0.5), model)


def test_a_loss_on_more_than_logits_is_refused():
    with pytest.raises(InputError, match="`automix` compares logits with soft targets itself"):
        begun(AutoMix(), loss=RegMixup())


def test_a_compiled_model_gives_weights_by_the_names_of_the_plain_one():
    plain, _ = begun(AutoMix())
    compiled, model = begun(AutoMix(), torch.compile(plain.setting.model, backend="eager"))
    assert list(compiled.state_dict()) == list(plain.state_dict())
    compiled.learning_loss(step_of(model, *batch())).backward()


def test_what_was_learned_serves_other_classes():
    contract = Trained()
    loop = contract.loop()
    loop.train_epoch()
    part = contract.exported(loop)
    assert not any("head" in name for name in part.tensors)
    policy = Policy(learned=part.spec)
    images = ImageSpec(3, (9, 12), (0.4,) * 3, (0.3,) * 3)
    augmenter = Augmenter(
        (), policy.mix, policy.loss, part, num_classes=7, input=images, generator=Generator().manual_seed(0)
    )
    _, targets = augmenter(loop.inputs[:8], torch.arange(8) % 7)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_the_same_policy_goes_on_learning_with_the_same_kind_of_model_only():
    contract = Trained()
    loop = contract.loop()
    loop.train_epoch()
    part = contract.exported(loop)
    spec = part.spec.model_copy(update={"frozen": False})
    images = ImageSpec(3, (9, 12), (0.4,) * 3, (0.3,) * 3)
    build = partial(
        Augmenter,
        (),
        Policy().mix,
        Policy().loss,
        LearnedPart(spec, part.tensors),
        num_classes=3,
        input=images,
    )
    again = build(model=loop.model, generator=Generator().manual_seed(0))
    assert_same(dict(again.learner.state_dict()), dict(part.tensors))
    again.loss(loop.model, loop.inputs[:8], loop.labels[:8]).backward()
    other = build_model(ModelSpec(name="small_cnn"), channels=3, size=(9, 12), num_classes=3)
    with pytest.raises(InputError, match="another network than the model, and so cannot go on learning"):
        build(model=other)


def test_frozen_masks_are_those_that_were_learned():
    """Images of the same size, the same draw: the trunk looks as the teacher did, with the statistics it gathered."""
    contract = Trained()
    loop = contract.loop()
    for _ in range(2):
        loop.train_epoch()
    learner = learner_of(loop)
    frozen = contract.reused(contract.exported(loop), (3, 9, 12)).learner
    draw = a_draw(0.3, [1, 0, 3, 2])
    pixels = loop.inputs[:4]
    learner.teacher._learns = False
    view = learner.view(learner.setting.normalise(pixels), learn=False, gather=False)
    wanted = learner.masks(view, draw, pixels, learn=False)
    frozen.draw = lambda _: draw
    step = LearnedStep(None, pixels, torch.eye(4), 0.5, None, learner.setting.normalise, None, None)
    mixed = frozen.mix(step)
    torch.testing.assert_close(mixed.mask, wanted)
    torch.testing.assert_close(mixed.inputs, draw.blended(step.images, wanted))
