"""MADAug and AdaAug: the contract, and the oracles of their specification."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Generator, nn

from automix_search.errors import InputError
from automix_search.learned import StepContext
from automix_search.learned.madaug import AdaAug, MADAug
from automix_search.learned.madaug import learner as learner_module
from automix_search.learned.madaug.chosen import apply_chosen, in_groups, on_all, without_replacement
from automix_search.learned.madaug.network import PolicyNetwork, mixture
from automix_search.learned.madaug.static import whole_parts
from automix_search.learned.operators import OPERATORS, WITH_LEVEL, operate
from automix_search.losses import SoftCrossEntropy
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.policy.augmenter import LearnedPart
from automix_search.randomness import Randomness
from automix_search.schedules import Tanh
from automix_search.signals import classifier, embed
from automix_search.testing.learned import BATCH, LearnedContract, Loop, assert_same, learner_of, spec_of

FEW = ("rotate", "solarize", "color", "cutout", "flip", "identity")


class TestMADAug(LearnedContract):
    learned = MADAug(update_every=1)


class TestMADAugByFiniteDifferences(LearnedContract):
    learned = MADAug(update="finite_difference", operations=FEW, policy_layers=2, update_every=2)


class TestMADAugByAlignment(LearnedContract):
    learned = MADAug(update="alignment", operations=FEW, magnitude_gradient="exact", temperature=1.0)


class TestCheapMADAug(LearnedContract):
    learned = MADAug(
        update="last_layer", operators_per_update=4, look_pool=2, update_batch_size=16, search_batch_size=16
    )


class TestAdaAug(LearnedContract):
    learned = AdaAug(update_every=1, learn_until=1.0)


class TestAdaAugOfFewOperators(LearnedContract):
    learned = AdaAug(
        operations=FEW, operators_per_update=3, magnitude_gradient="exact", operations_per_image=4
    )


def started(spec: MADAug | AdaAug, seed: int = 0, **options) -> Loop:
    """A training at its beginning."""
    contract = LearnedContract()
    contract.learned = spec
    return contract.loop(seed=seed, **options)


def policy_of(loop: Loop) -> list[torch.Tensor]:
    """The weights of the policy network, as they are now."""
    return [parameter.detach().clone() for parameter in learner_of(loop).network.parameters()]


def context_of(loop: Loop, progress: float = 0.0) -> StepContext:
    """What comes after a step: its batch, and another one to judge by."""
    first, second, *_ = loop.batches()
    return StepContext(loop.model, loop.optimizer, first[:2], second[:2], progress)


def said(loop: Loop, count: int = BATCH) -> torch.Tensor:
    """Levels and logits for the first images."""
    with torch.no_grad():
        return torch.cat(learner_of(loop)._look(loop.inputs[:count]))


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_chances_sum_to_1_and_levels_lie_between_0_and_1(layers):
    network = PolicyNetwork(7, 5, layers)
    levels, logits = network.levels_and_logits(torch.randn(9, 7))
    assert len(list(network.parameters())) == 2 * (layers + 1)
    assert levels.shape == logits.shape == (9, 5)
    assert 0 < levels.min() < levels.max() < 1
    torch.testing.assert_close(logits.softmax(1).sum(1), torch.ones(9))


def test_the_mixture_weighs_each_image_by_its_own_chances():
    outputs = [torch.full((2, 3, 4, 5), value) for value in (1.0, 10.0, 100.0)]
    chances = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    assert mixture(outputs, chances).mean((1, 2, 3)).tolist() == pytest.approx([53.2, 1])


@pytest.mark.parametrize(
    "spec",
    [
        *(MADAug(update=form) for form in ("unroll", "finite_difference", "alignment", "last_layer")),
        MADAug(magnitude_gradient="exact"),
        MADAug(operators_per_update=3, policy_layers=1),
        AdaAug(),
        AdaAug(magnitude_gradient="exact", operators_per_update=3),
    ],
    ids=lambda spec: (
        f"{spec.kind}-{getattr(spec, 'update', '')}-{spec.magnitude_gradient}-{spec.operators_per_update}"
    ),
)
def test_all_of_the_policy_gets_a_gradient(spec):
    # Oracle a.
    loop = started(spec)
    context, learner = context_of(loop), learner_of(loop)
    loop.model.eval()
    found = learner.gradients(context, learner.some_of_batch(context, 4))
    for parameter, gradient in zip(learner.network.parameters(), found, strict=True):
        assert gradient.shape == parameter.shape
        assert torch.isfinite(gradient).all()
        assert gradient.norm() > 0
    levels, chances = found[-1].chunk(2)
    assert levels.norm() > 0
    assert chances.norm() > 0


class Double(SoftCrossEntropy):
    """Cross-entropy in double precision."""

    def compare(self, logits, targets):
        return nn.functional.cross_entropy(logits, targets.double())


def in_double(loop: Loop) -> None:
    """The model smooth, and all in double precision but the operators."""
    for module in list(loop.model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.SiLU())
    loop.model.eval().double()
    learner = learner_of(loop)
    learner.criterion, setting = Double(), learner.setting
    learner.setting = replace(setting, normalise=lambda pixels: setting.normalise(pixels).double())


def test_the_gradient_of_madaug_is_that_of_a_real_step():
    # Oracle a: a whole update against differences of a real step, judged by clean images.
    loop = started(MADAug(operations=FEW, magnitude_gradient="exact"))
    in_double(loop)
    learner, context = learner_of(loop), context_of(loop)
    search = loop.inputs[BATCH:].float() / 255, learner.setting.encode(loop.labels[BATCH:])
    state = learner.random.state_dict()
    found, bias = learner.gradients(context, search)[-1], learner.network[-1].bias

    def really(change: torch.Tensor) -> float:
        learner.random.load_state_dict(state)
        model = copy.deepcopy(loop.model)
        with torch.no_grad():
            bias.add_(change)
            pixels, targets = learner.some_of_batch(context, 128)
            mixed = mixture(*learner.candidates(pixels))
            bias.sub_(change)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        learner.criterion.compare(model(mixed), targets).backward()
        optimizer.step()
        with torch.no_grad():
            return learner.criterion.compare(model(learner.setting.normalise(search[0])), search[1]).item()

    differences = torch.tensor(
        [(really(step) - really(-step)) / 0.002 for step in 0.001 * torch.eye(len(bias))]
    )
    exact = [name != "solarize" for name in FEW] + [True] * len(FEW)
    assert differences.abs().max() > 1e-6
    torch.testing.assert_close(found[exact], differences[exact], atol=2e-9, rtol=5e-3)


def test_one_operator_alone_is_that_operator():
    # Oracle b.
    loop = started(MADAug(operations=("rotate",), operations_per_image=1, delta=0.0, offset=1.0))
    images = loop.inputs[:BATCH] / 255
    level = said(loop)[:BATCH, 0]
    out = augmented(loop, images)
    ways = [operate("rotate", images, level, torch.full((BATCH,), sign)) for sign in (1.0, -1.0)]
    far = torch.stack([(out - way).abs().amax((1, 2, 3)) for way in ways])
    assert far.amin(0).max() < 1e-6
    assert sorted(set(far.argmin(0).tolist())) == [0, 1]


def augmented(loop: Loop, pixels: torch.Tensor, progress: float = 0.0) -> torch.Tensor:
    """Pixels as the policy augments them."""
    labels = torch.zeros(len(pixels), dtype=torch.long)
    augmenter = loop.augmenter
    step = augmenter._learned_step(loop.model, pixels, pixels, labels, progress, None)
    return learner_of(loop).augment(step)


@pytest.mark.parametrize(("per_update", "operators"), [(17, 6), (4, 4)])
def test_operators_of_an_update_see_each_image_once(per_update, operators, monkeypatch):
    # Oracle c.
    seen: list[int] = []

    def counting(name, pixels, *args):
        seen.append(len(pixels))
        return operate(name, pixels, *args)

    monkeypatch.setattr(learner_module, "operate", counting)
    loop = started(
        MADAug(operations=FEW, operators_per_update=per_update, update_every=3, update_batch_size=16)
    )
    counts = []
    for _ in range(4):
        seen.clear()
        learner_of(loop).update(context_of(loop))
        counts.append(list(seen))
    assert counts == [[BATCH] * operators, [], [], [BATCH] * operators]


def test_the_share_of_augmented_images_follows_the_curriculum():
    # Oracle c.
    loop = started(MADAug(operations=("invert",), operations_per_image=1))
    pixels, count = torch.rand(2000, 3, 9, 12, generator=Generator().manual_seed(0)), 2000
    shares = []
    for progress, wanted in ((0, 0.01), (0.5, 0.99505 + 0.01), (1 / 6, 0.7616 + 0.01), (0.05, 0.3013)):
        changed = (augmented(loop, pixels, progress) != pixels).flatten(1).any(1).float().mean().item()
        wanted = min(wanted, 1)
        assert abs(changed - wanted) <= 3 * (wanted * (1 - wanted) / count) ** 0.5 + 1e-9
        shares.append(changed)
    assert shares[0] < shares[3] < shares[2] < shares[1] == 1
    curve = [learner_of(loop).curriculum().factor(step / 1000) for step in range(1001)]
    assert curve == sorted(curve)
    assert (curve[0], curve[-1]) == (0.01, 1)


@pytest.mark.parametrize("progress", [0.0, 0.03, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_hardly_more_images_are_looked_at_than_are_augmented(progress, dtype, monkeypatch):
    loop = started(MADAug(operations=("invert",), operations_per_image=1))
    learner, seen = learner_of(loop), []
    look = learner._look
    monkeypatch.setattr(learner, "_look", lambda pixels: seen.append(pixels) or look(pixels))
    pixels = torch.randint(256, (200, 3, 9, 12), generator=Generator().manual_seed(0), dtype=torch.uint8)
    pixels = pixels if dtype == torch.uint8 else pixels / 255
    before = pixels.clone()
    out = augmented(loop, pixels, progress)
    changed = (out != pixels).flatten(1).any(1)
    (looked,), some = seen, int(changed.sum())
    assert torch.equal(looked[:some], pixels[changed])
    assert some <= len(looked) < some + 25
    assert len(looked) % 25 == 0
    assert torch.equal(out[changed], (255 if dtype == torch.uint8 else 1) - before[changed])
    assert torch.equal(out[~changed], before[~changed])
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("count", [1, 5, 8, 13])
def test_batches_of_any_size_are_augmented_in_part(count):
    loop = started(MADAug(operations=("invert",), operations_per_image=1))
    pixels = torch.rand(count, 3, 9, 12, generator=Generator().manual_seed(0))
    for _ in range(20):
        out = augmented(loop, pixels, 0.1)
        changed = (out != pixels).flatten(1).any(1)
        torch.testing.assert_close(out[changed], 1 - pixels[changed])
    assert len(augmented(loop, pixels[:0], 0.1)) == 0


def test_the_policy_says_of_each_image_what_it_says_of_it_alone(monkeypatch):
    loop = started(MADAug(operations=("rotate", "invert", "solarize"), operations_per_image=1, delta=0.0))
    learner, given = learner_of(loop), []
    operated = learner._operated
    monkeypatch.setattr(learner, "_operated", lambda *args: given.append(args) or operated(*args))
    pixels = torch.rand(200, 3, 9, 12, generator=Generator().manual_seed(0))
    augmented(loop, pixels, 0.1)
    ((images, chosen, levels),) = given
    assert len(images) == len(chosen) == len(levels) < 200
    with torch.no_grad():
        torch.testing.assert_close(levels, learner._look(images)[0])


def test_where_no_image_is_drawn_nothing_is_looked_at(monkeypatch):
    loop = started(MADAug(offset=0.0))
    learner = learner_of(loop)
    monkeypatch.setattr(learner, "_look", lambda _: pytest.fail("it looked"))
    assert torch.equal(augmented(loop, loop.inputs, 0.0), loop.inputs)
    assert learner.mean_draws.tolist() == pytest.approx([1 / 17] * 17)


def test_a_step_counts_in_the_means_as_many_images_as_it_augments():
    steps = []
    for progress in (1.0, 0.05):
        loop = started(MADAug(operations=("rotate", "invert"), operations_per_image=1))
        learner = learner_of(loop)
        with torch.no_grad():
            learner.network[-1].weight.zero_()
            learner.network[-1].bias.copy_(torch.tensor([2.0, 2.0, 3.0, 0.0]))
        augmented(loop, torch.rand(2000, 3, 3, 4, generator=Generator().manual_seed(0)), progress)
        steps.append(learner.mean_chances - 0.5)
    share = Tanh(tau=1 / 6, offset=0.01).factor(0.05)
    assert steps[0][0] == pytest.approx(0.02 * (torch.tensor(1.0).sigmoid().item() - 0.5), rel=1e-3)
    assert (steps[1] / steps[0]).tolist() == pytest.approx([share, share], abs=0.04)


@pytest.mark.parametrize("kind", [MADAug, AdaAug])
def test_it_looks_in_the_precision_of_what_surrounds_it_and_decides_in_float32(kind, monkeypatch):
    loop, seen = started(kind()), []
    exact, network = said(loop), learner_of(loop).network
    judged = network.levels_and_logits
    monkeypatch.setattr(network, "levels_and_logits", lambda found: seen.append(found) or judged(found))
    with torch.autocast("cpu", torch.bfloat16):
        rough = said(loop)
        augmented(loop, loop.inputs[:BATCH], 1.0)
    assert [features.dtype for features in seen] == [torch.bfloat16] * 2
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=0.03, rtol=0)
    assert not torch.equal(rough, exact)
    assert torch.equal(torch.cat(judged(seen[0])), rough), "the policy network itself is exact"


@pytest.mark.parametrize("gradient", ["straight_through", "exact"])
@pytest.mark.parametrize("count", [1, 3, 17])
def test_the_mixture_is_that_of_the_candidates_and_so_are_its_gradients(gradient, count):
    loop = started(MADAug(magnitude_gradient=gradient, operators_per_update=count))
    learner, pixels = learner_of(loop), loop.inputs[:BATCH] / 255
    state, weights = learner.random.state_dict(), torch.randn(BATCH, 3, 9, 12)
    policy, found = list(learner.network.parameters()), []
    for mixed in (learner.mixed, lambda pixels: mixture(*learner.candidates(pixels))):
        learner.random.load_state_dict(state)
        out = mixed(pixels)
        gradients = torch.autograd.grad((out * weights).sum(), policy, materialize_grads=True)
        found.append([out.detach(), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize(
    "spec", [MADAug(operations=("identity",), tau=0.02), AdaAug(operations=("identity",))]
)
def test_nothing_but_the_identity_is_training_without_augmentation(spec, dtype):
    # Oracle d.
    loop, plain = started(spec, dtype=dtype), started(spec, dtype=dtype)
    plain.augmenter = Policy().build(num_classes=3, input=spec_of((3, 9, 12)), model=plain.model)
    for _ in range(2):
        loop.train_epoch()
        plain.train_epoch()
    assert_same(loop.model.state_dict(), plain.model.state_dict())


@pytest.mark.parametrize("kind", [MADAug, AdaAug])
def test_before_the_warmup_and_after_the_end_nothing_is_learned(kind):
    # Oracle g.
    loop = started(kind(warmup=1.0, update_every=1))
    before, features = policy_of(loop), copy.deepcopy(learner_of(loop).looker.state_dict())
    loop.train_epoch()
    loop.train_epoch()
    assert all(torch.equal(one, other) for one, other in zip(before, policy_of(loop), strict=True))
    assert_same(learner_of(loop).looker.state_dict(), features)
    loop = started(kind(learn_until=0.5, update_every=1))
    loop.train_epoch()
    learned = policy_of(loop)
    assert any(not torch.equal(one, other) for one, other in zip(before, learned, strict=True))
    loop.train_epoch()
    assert all(torch.equal(one, other) for one, other in zip(learned, policy_of(loop), strict=True))


def test_between_two_updates_the_policy_says_the_same_of_the_same_images():
    # Oracle h.
    loop = started(MADAug(update_every=3))
    learner_of(loop).update(context_of(loop))
    before, weights = said(loop), copy.deepcopy(loop.model.state_dict())
    loop.train_epoch()  # three steps, of which the last is an update
    assert any(not torch.equal(weights[name], new) for name, new in loop.model.state_dict().items())
    assert not torch.equal(said(loop), before)
    loop = started(MADAug(update_every=50))
    learner_of(loop).update(context_of(loop))
    before = said(loop)
    loop.train_epoch()
    assert torch.equal(said(loop), before)


def test_the_snapshot_is_the_model_as_it_is_at_the_update():
    loop = started(MADAug(update_every=1))
    loop.train_epoch()
    learner_of(loop).update(context_of(loop))
    assert_same(learner_of(loop).looker.network.state_dict(), loop.model.state_dict())


def test_drawn_without_replacement_as_often_as_the_chances_say():
    chances = torch.tensor([0.5, 0.3, 0.2, 0.0]).expand(20000, 4)
    drawn = without_replacement(chances, 2, Randomness(Generator().manual_seed(0)))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    first = drawn[:, 0].bincount(minlength=4) / 20000
    assert first.tolist() == pytest.approx([0.5, 0.3, 0.2, 0], abs=0.015)
    second = drawn[drawn[:, 0] == 0][:, 1].bincount(minlength=4).float()
    assert (second / second.sum()).tolist() == pytest.approx([0, 0.6, 0.4, 0], abs=0.02)


@pytest.mark.parametrize("apply", [apply_chosen, in_groups, on_all])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_gets_the_operator_that_was_chosen_for_it(apply, channels):
    draws = Generator().manual_seed(2)
    chosen = torch.arange(len(OPERATORS)).repeat(2)
    count = len(chosen)
    images = torch.randint(256, (count, channels, 9, 12), generator=draws) / 255
    level, place = torch.rand(count, generator=draws), torch.rand(count, 2, generator=draws)
    sign = torch.where(torch.rand(count, generator=draws) < 0.5, -1.0, 1.0)
    before = images.clone()
    found = apply(OPERATORS, images, chosen, level, sign, place)
    for position, operator in enumerate(chosen.tolist()):
        one, name = slice(position, position + 1), OPERATORS[operator]
        wanted = operate(name, images[one], level[one], sign[one], place[one])
        torch.testing.assert_close(found[one], wanted, atol=2e-5, rtol=0, msg=name)
    assert torch.equal(images, before)


def test_a_policy_of_another_model_learns_on_and_looks_with_its_own():
    loop = started(MADAug(update_every=1))
    loop.train_epoch()
    contract = LearnedContract()
    contract.learned = loop.augmenter.learner.spec
    part = contract.exported(loop)
    part = LearnedPart(part.spec.model_copy(update={"frozen": False}), part.tensors)
    other = build_model(ModelSpec(name="small_cnn"), channels=1, size=(16, 13), num_classes=3)
    augmenter = Augmenter(
        (), Policy().mix, SoftCrossEntropy(), part, num_classes=3, input=spec_of((1, 16, 13)), model=other
    )
    optimizer = torch.optim.AdamW(other.parameters(), lr=0.01)
    batch = torch.randint(256, (BATCH, 1, 16, 13), dtype=torch.uint8), torch.arange(BATCH) % 3
    before = copy.deepcopy(augmenter.learner.state_dict())
    augmenter.loss(other, *batch, 0.5).backward()
    optimizer.step()
    augmenter.update(StepContext(other, optimizer, batch, batch, 0.5))
    changed = {
        name for name, now in augmenter.learner.state_dict().items() if not torch.equal(now, before[name])
    }
    assert changed == {"network.0.weight", "network.0.bias", "mean_chances", "mean_levels", "mean_draws"}


def saying(loop: Loop, levels: list[float], logits: list[float]) -> None:
    """Let the policy say the same of all images."""
    with torch.no_grad():
        learner_of(loop).network[-1].weight.zero_()
        learner_of(loop).network[-1].bias.copy_(torch.tensor(levels + logits))
    pixels = torch.rand(400, 3, 3, 4, generator=Generator().manual_seed(0))
    for _ in range(400):
        augmented(loop, pixels, 0.7)


def test_an_update_goes_down_the_gradient(monkeypatch):
    loop = started(MADAug())
    learner, before = learner_of(loop), policy_of(loop)
    monkeypatch.setattr(learner, "gradients", lambda *_: [torch.ones_like(one) for one in before])
    learner.update(context_of(loop))
    assert all((now < then).all() for now, then in zip(policy_of(loop), before, strict=True))


@pytest.mark.parametrize("count", [2, 4, BATCH])
def test_an_update_takes_no_more_images_than_it_may(count):
    loop = started(MADAug(update_batch_size=count, search_batch_size=count))
    assert len(learner_of(loop).some_of_batch(context_of(loop), count)[0]) == count


def test_each_operator_has_a_level_of_its_own():
    loop = started(AdaAug(operations=("identity", "rotate"), operations_per_image=1, delta=0.0))
    images = loop.inputs[:BATCH] / 255
    level, out = said(loop)[:BATCH, 1], augmented(loop, images)
    ways = [images] + [operate("rotate", images, level, torch.full((BATCH,), sign)) for sign in (1.0, -1.0)]
    far = torch.stack([(out - way).abs().amax((1, 2, 3)) for way in ways]).amin(0)
    assert far.max() < 1e-6
    assert (out != images).any()


def test_drawn_levels_are_moved_either_way_by_at_most_delta(monkeypatch):
    loop, seen = started(AdaAug(operations=("rotate",), operations_per_image=1, delta=0.3)), []
    with torch.no_grad():
        learner_of(loop).network[-1].weight.zero_()
        learner_of(loop).network[-1].bias.zero_()
    monkeypatch.setattr(
        learner_module, "apply_chosen", lambda *given: seen.append(given[3]) or apply_chosen(*given)
    )
    augmented(loop, torch.rand(400, 3, 3, 4, generator=Generator().manual_seed(0)))
    moved = (seen[0] - 0.5) / 0.3
    assert moved.abs().max() <= 1 + 1e-6
    assert moved.mean().item() == pytest.approx(0, abs=0.1)
    assert moved.min() < -0.95 < 0.95 < moved.max()


def test_the_gradient_of_ada_aug_is_that_of_its_loss_on_mixed_features():
    loop = started(AdaAug(operations=("solarize", "invert", "identity")))
    learner, context = learner_of(loop), context_of(loop)
    loop.model.eval()
    search, state = learner.some_of_batch(context, 4), learner.random.state_dict()
    found = learner.gradients(context, search)[-1][3:]
    learner.random.load_state_dict(state)
    with torch.no_grad():
        images, _ = learner.candidates(search[0])
        features = torch.stack([embed(loop.model, image)[1] for image in images])
    logits = learner._look(search[0])[1].detach().requires_grad_()
    mixed = torch.einsum("bj,jbd->bd", logits.softmax(1), features)
    learner.criterion.compare(classifier(loop.model)(mixed), search[1]).backward()
    torch.testing.assert_close(found, logits.grad.sum(0))


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        (MADAug(), (2, 2)),
        (MADAug(update_every=1), (4, 4)),
        (MADAug(update="last_layer", update_every=10, look_pool=2), (1, 1)),
        (AdaAug(operators_per_update=5, update_every=1), (7, 5)),
    ],
)
def test_passes_are_those_of_a_look_and_a_part_of_an_update(spec, passes):
    assert spec.extra_passes() == passes


def test_what_was_learned_on_average_is_seen_and_written_as_lists():
    spec = MADAug(operations=("rotate", "solarize", "flip"), operations_per_image=1, tau=0.25)
    loop = started(spec)
    saying(loop, [2.0, 0.0, 0.0], [3 * 1.2, 0.0, 3 * 0.4])
    record = learner_of(loop).record()
    chances = torch.tensor([1.2, 0.0, 0.4]).softmax(0).tolist()
    assert list(record["probability"].values()) == pytest.approx(chances, abs=1e-3)
    assert record["magnitude"] == {"rotate": pytest.approx(0.8808, abs=1e-3), "solarize": pytest.approx(0.5)}
    assert record["share"]["augmented"] == Tanh(tau=0.25).factor(0.7)
    first, flip = learner_of(loop).marginal()["transform"]["batch"]
    names = [single["op"] for (single,) in first["sub_policies"]]
    assert [names.count(name) for name in ("rotate", "solarize", "identity")] == [23, 7, 10]
    assert first["sub_policies"][0][0]["magnitude"] == pytest.approx(0.8808, abs=1e-3)
    assert (flip["kind"], flip["probability"]) == ("hflip", pytest.approx(chances[2], abs=0.01))
    assert first["schedule"] == flip["schedule"]
    assert first["schedule"]["tau"] == 0.25


def test_what_is_written_counts_draws_and_not_chances():
    loop = started(AdaAug(operations=("rotate", "solarize", "cutout"), operations_per_image=2))
    saying(loop, [0.0, 0.0, 0.0], [30.0, 0.0, 0.0])
    lists, cutout, *again = learner_of(loop).marginal()["transform"]["batch"]
    names = [single["op"] for (single,) in lists["sub_policies"]]
    assert [names.count(name) for name in ("rotate", "solarize", "identity")] == [20, 10, 10]
    assert (cutout["kind"], cutout["size"]) == ("cutout", 0.1)
    assert cutout["probability"] == pytest.approx(0.25, abs=0.01)
    assert again == [lists, cutout]
    assert "schedule" not in lists


@pytest.mark.parametrize("kind", [MADAug, AdaAug])
def test_straight_through_all_that_has_a_level_gets_a_gradient_to_it(kind):
    loop = started(kind(operations=FEW))
    learner, context = learner_of(loop), context_of(loop)
    loop.model.eval()
    bias = learner.gradients(context, learner.some_of_batch(context, 4))[-1]
    assert [bool(value != 0) for value in bias] == [name in WITH_LEVEL for name in FEW] + [True] * len(FEW)


def test_parts_add_up_to_the_whole():
    assert whole_parts({"a": 0.501, "b": 0.26, "c": 0.239}, 4) == {"a": 2, "b": 1, "c": 1}
    assert sum(whole_parts({str(number): 1 / 17 for number in range(17)}, 40).values()) == 40


def test_a_vision_transformer_learns_with_it():
    contract = LearnedContract()
    contract.learned, contract.model = MADAug(operations=FEW, update_every=1), ModelSpec(name="tiny_vit")
    loop = contract.loop((3, 8, 12))
    before = policy_of(loop)
    loop.train_epoch()
    assert all(not torch.equal(one, other) for one, other in zip(before, policy_of(loop), strict=True))


def test_a_model_that_takes_one_size_of_images_is_refused_with_pooled_looks():
    contract = LearnedContract()
    contract.learned, contract.model = MADAug(look_pool=2), ModelSpec(name="tiny_vit")
    with pytest.raises(InputError, match="`look_pool` must be 1"):
        contract.loop((3, 8, 12))


def test_a_loss_of_another_kind_is_refused():
    policy = Policy(learned=MADAug(), loss={"kind": "regmixup"})
    with pytest.raises(InputError, match="regmixup"):
        policy.build(
            num_classes=3, input=spec_of((3, 8, 8)), model=nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
        )


def test_without_its_part_of_the_data_it_says_what_is_missing():
    loop = started(AdaAug())
    context = context_of(loop)
    with pytest.raises(InputError, match="search_batch"):
        learner_of(loop).update(StepContext(context.model, context.optimizer, context.batch, None, 0.0))


def test_operators_that_are_named_twice_are_refused():
    with pytest.raises(ValueError, match="different from each other"):
        MADAug(operations=("rotate", "rotate"))
