"""AdaMixUp: the contract, and the oracles of its specification."""

from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned.adamixup import AdaMixUp, policy
from automix_search.learned.adamixup.discriminator import IntrusionDiscriminator
from automix_search.learned.adamixup.generator import RegionGenerator, truncated_normal
from automix_search.learned.adamixup.networks import CopiedNetwork, widen
from automix_search.learned.adamixup.policy import blended
from automix_search.learned.adamixup.region import Region, region_of
from automix_search.learned.adamixup.shares import DrawnShares, symmetric_beta
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.randomness import Randomness
from automix_search.signals import classifier
from automix_search.testing.learned import CLASSES, LearnedContract, Loop, learner_of

HOST = torch.device("cpu")


class TestAdaMixUp(LearnedContract):
    learned = AdaMixUp()


class TestTinyGenerator(LearnedContract):
    learned = AdaMixUp(generator="tiny", update_every=2, generator_lr_scale=0.1)


class TestGatedByNoise(LearnedContract):
    learned = AdaMixUp(generator_input="noise", min_width=0.2, edge=0.05)


class TestFoldsTwoAndThree(LearnedContract):
    learned = AdaMixUp(folds=(2, 3), generator="tiny", downsample=2)


class TestBesideATransformer(LearnedContract):
    learned = AdaMixUp()
    model = ModelSpec(name="tiny_vit")

    def test_frozen_it_serves_other_images(self) -> None:
        loop = self.loop((1, 8, 8))
        loop.train_epoch()
        augmenter = self.reused(self.exported(loop), (3, 16, 13))
        inputs = torch.randint(256, (5, 3, 16, 13), dtype=torch.uint8)
        images, targets = augmenter(inputs, torch.arange(5) % CLASSES, 0.5)
        assert images.shape == inputs.shape
        assert targets.sum(1).tolist() == pytest.approx([1] * 5)


# ---- regions

numbers = st.floats(-60, 60, width=32)
guards = st.tuples(st.floats(0, 0.3), st.floats(0, 0.1))


@given(
    st.integers(2, 4).flatmap(lambda fold: st.lists(numbers, min_size=2 * fold - 1, max_size=2 * fold - 1)),
    guards,
)
def test_any_numbers_give_a_region_on_the_simplex_with_the_room_that_is_wanted(logits, guard):
    min_width, edge = guard
    region = region_of(torch.tensor([logits]), min_width, edge)
    images = region.low.shape[1] + 1
    assert region.low.min() >= 2 * edge / images - 1e-6
    assert region.width.min() >= min_width / (images - 1) - 1e-6
    assert (region.low + region.width).sum() <= 1 - 2 * edge / images + 1e-6
    for within in (torch.zeros_like(region.low), torch.rand_like(region.low), torch.ones_like(region.low)):
        shares = region.at(within)
        assert shares.min() >= 2 * edge / images - 1e-6
        assert shares.sum().item() == pytest.approx(1, abs=1e-6)
        assert ((shares[:, :-1] >= region.low) & (shares[:, :-1] <= region.low + region.width)).all()


def test_a_guarded_pair_has_the_width_and_beginning_of_the_specification():
    logits, d_min, edge = torch.randn(50, 3), 0.2, 0.05
    a, b, c = logits.softmax(1).unbind(1)
    width = d_min + (1 - 2 * edge - d_min) * b
    low = edge + (1 - 2 * edge - width) * a / (a + c)
    region = region_of(logits, d_min, edge)
    torch.testing.assert_close(region.width[:, 0], width)
    torch.testing.assert_close(region.low[:, 0], low)


def test_shares_have_a_gradient_to_every_number_of_the_region():
    logits = torch.randn(6, 5, requires_grad=True)
    region_of(logits).at(torch.rand(6, 2))[:, 0].square().sum().backward()
    assert (logits.grad.abs() > 0).all()


# ---- mixtures


@pytest.mark.parametrize("fold", [2, 3])
def test_pixels_and_labels_are_mixed_by_the_same_shares(fold):
    images = torch.eye(fold)[:, :, None, None].expand(-1, -1, 3, 5)
    sets = torch.tensor([list(range(fold)), list(range(fold))[::-1]])
    shares = region_of(torch.randn(2, 2 * fold - 1)).at(torch.rand(2, fold - 1))
    mixed = blended(images, sets, shares)
    torch.testing.assert_close(mixed.inputs.mean((2, 3)), mixed.targets(torch.eye(fold)))
    torch.testing.assert_close(mixed.inputs[0, :, 0, 0], shares[0])


@pytest.mark.parametrize(("middle", "slope"), [(0.44, 25), (0.47, 75), (0.53, -76), (0.56, -25)])
def test_the_region_moves_away_from_where_mixtures_look_like_another_class(middle, slope):
    low = torch.full((1000, 1), middle - 0.02, requires_grad=True)
    within = torch.linspace(0, 1, 1000)[:, None]
    shares = Region(low, torch.full((1000, 1), 0.04)).at(within)
    pair = torch.tensor([-1.0, 1.0])[:, None, None, None]
    mixed = blended(pair, torch.tensor([[0, 1]]).expand(1000, 2), shares).inputs.flatten()
    real = sum(torch.exp(-(((mixed - centre) / 0.15) ** 2)) for centre in (-1, 0, 1)).clamp(max=0.999)
    (-torch.log(1 - real)).mean().backward()
    assert low.grad.sum().item() == pytest.approx(slope, abs=1.5)


def test_mixtures_keep_the_order_of_the_pixels_in_memory():
    images = torch.rand(4, 3, 5, 6).to(memory_format=torch.channels_last)
    mixed = blended(images, torch.tensor([[0, 1], [2, 3]]), torch.full((2, 2), 0.5))
    assert mixed.inputs.is_contiguous(memory_format=torch.channels_last)


# ---- a training step


def loop_of(learned: AdaMixUp) -> Loop:
    """A training at its beginning."""
    contract = LearnedContract()
    contract.learned = learned
    return contract.loop()


def one_loss(loop: Loop) -> Tensor:
    inputs, labels, _ = next(loop.batches())
    return loop.augmenter.loss(loop.model, inputs, labels, 0.0)


@pytest.mark.parametrize("folds", [(2,), (2, 3)])
def test_the_loss_is_that_of_the_specification(folds, monkeypatch):
    loop, mixtures = loop_of(AdaMixUp(folds=folds, intrusion_weight=0.7)), []
    monkeypatch.setattr(policy, "blended", lambda *parts: mixtures.append(blended(*parts)) or mixtures[-1])
    answers: list[Tensor] = []
    features: list[Tensor] = []
    loop.model.register_forward_hook(lambda _, __, logits: answers.append(logits))
    classifier(loop.model).register_forward_pre_hook(lambda _, images: features.append(images[0]))
    loss = one_loss(loop)
    labels = nn.functional.one_hot(next(loop.batches())[1], CLASSES).float()
    weight, real, wanted = learner_of(loop).generators[0].head[1].weight, 4 * len(folds), []
    judge = learner_of(loop).discriminator.layers
    for start, mixed in enumerate(mixtures):
        own = slice(4 * start, 4 * start + 4)
        logits = torch.cat((answers[0][own], answers[0][real : real + 4]))
        targets = torch.cat((mixed.targets(labels), labels[:4]))
        of_task = -(targets * logits.log_softmax(1)).sum(1).mean()
        verdicts = judge(torch.cat((features[0][own], features[0][real:]))).log_softmax(1)
        of_intrusion = -(verdicts[:4, 0].sum() + verdicts[4:, 1].sum()) / 12
        wanted.append(of_task + 0.7 * of_intrusion)
    torch.testing.assert_close(loss, sum(wanted) / len(folds))
    trained = [weight, classifier(loop.model).weight, next(loop.model.parameters())]
    found = torch.autograd.grad(loss, trained, retain_graph=True)
    for one, other in zip(found, torch.autograd.grad(sum(wanted) / len(folds), trained), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-7)


def gradient(intrusion_weight: float) -> Tensor:
    """What the first step tells the last layer of the generator."""
    loop = loop_of(AdaMixUp(intrusion_weight=intrusion_weight))
    one_loss(loop).backward()
    return learner_of(loop).generators[0].head[1].weight.grad


def test_the_generator_learns_from_each_of_the_two_losses():
    of_task, of_both = gradient(0.0), gradient(1.0)
    assert of_task.abs().max() > 1e-6
    assert (of_both - of_task).abs().max() > 1e-6
    torch.testing.assert_close(gradient(3.0) - of_task, 3 * (of_both - of_task), rtol=1e-3, atol=1e-7)


def test_one_step_of_one_optimiser_changes_the_model_the_discriminator_and_the_generator():
    loop = loop_of(AdaMixUp())
    trained = {id(one) for group in loop.optimizer.param_groups for one in group["params"]}
    learner = learner_of(loop)
    parts = [*loop.model.parameters(), *learner.discriminator.layers.parameters()]
    parts += [one for one in learner.parameters() if one.requires_grad]
    assert {id(one) for one in parts} == trained
    before = [one.detach().clone() for one in parts]
    one_loss(loop).backward()
    loop.optimizer.step()
    assert all(not torch.equal(one, old) for one, old in zip(parts, before, strict=True))


@pytest.mark.parametrize(("folds", "of_model"), [((2,), 12), ((2, 3), 16)])
def test_the_model_sees_mixtures_and_all_real_images_at_once_and_the_generator_one_half(folds, of_model):
    loop = loop_of(AdaMixUp(folds=folds))
    seen: list[int] = []
    loop.model.register_forward_hook(lambda _, images, __: seen.append(len(images[0])))
    looked: list[int] = []
    for generator in learner_of(loop).generators:
        generator.network.register_forward_hook(lambda _, images, __: looked.append(len(images[0])))
    one_loss(loop)
    assert seen == [of_model]
    assert looked == [4] * len(folds)
    loop.model.eval()(torch.rand(8, 3, 9, 12))
    assert looked == [4] * len(folds)


def test_the_generator_rests_between_its_updates():
    loop = loop_of(AdaMixUp(update_every=2))
    weights = learner_of(loop).generators[0].head[1].weight
    gradients = []
    for _ in range(4):
        loop.optimizer.zero_grad()
        one_loss(loop).backward()
        gradients.append(weights.grad is not None)
    assert gradients == [True, False, True, False]


def test_the_generator_has_a_learning_rate_of_its_own():
    generator, discriminator = loop_of(AdaMixUp(generator_lr_scale=0.3)).augmenter.param_groups()
    assert generator["lr_scale"] == 0.3
    assert "lr_scale" not in discriminator


@pytest.mark.parametrize("count", [2, 3])
def test_a_few_images_are_a_batch(count):
    loop = loop_of(AdaMixUp(folds=(2, 3)))
    loss = loop.augmenter.loss(loop.model, loop.inputs[:count], loop.labels[:count])
    loss.backward()
    assert torch.isfinite(loss)


def test_the_discriminator_knows_mixtures_from_real_images():
    discriminator = IntrusionDiscriminator(1, HOST)
    first, last = discriminator.layers
    for layer in (first, last):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    first.weight.data[0, 0] = 1
    last.weight.data[1, 0] = 50
    right = discriminator.loss(torch.full((2, 1), -1.0), torch.ones(3, 1))
    wrong = discriminator.loss(torch.ones(2, 1), torch.ones(3, 1))
    assert right.item() == pytest.approx(0, abs=1e-6)
    assert wrong.item() == pytest.approx(50 * 2 / 5)


def test_a_single_pair_has_no_statistics_of_its_own():
    contract = TestAdaMixUp()
    loop = contract.loop((1, 4, 4))
    means = learner_of(loop).generators[0].network.network[0][1].running_mean
    before = means.clone()
    loop.augmenter.loss(loop.model, loop.inputs[:2], loop.labels[:2]).backward()
    assert torch.equal(means, before)
    loop.augmenter.loss(loop.model, loop.inputs[:4], loop.labels[:4]).backward()
    assert not torch.equal(means, before)


# ---- frozen, or going on


def test_frozen_it_mixes_one_half_and_leaves_the_other():
    contract = TestFoldsTwoAndThree()
    loop = contract.loop()
    loop.train_epoch()
    augmenter = contract.reused(contract.exported(loop), (3, 9, 12))
    inputs, labels, _ = next(loop.batches())
    batch, targets = augmenter.mix(inputs, labels)
    changed = (batch.inputs != augmenter.normalise(inputs)).flatten(1).any(1)
    assert changed.tolist()[4:] == [False] * 4
    assert changed[:4].any()
    torch.testing.assert_close(batch.weights.sum(1), torch.ones(8))
    assert (batch.weights[:, 2] > 0).tolist() == [False, False, True, True, False, False, False, False]
    images = augmenter.normalise(inputs)[batch.sources]
    torch.testing.assert_close((batch.weights[:, :, None, None, None] * images).sum(1), batch.inputs)
    torch.testing.assert_close(batch.targets(targets).sum(1), torch.ones(8))


def test_it_goes_on_learning_beside_another_model():
    contract = TestAdaMixUp()
    loop = contract.loop()
    loop.train_epoch()
    part = contract.exported(loop)
    model = build_model(ModelSpec(name="small_cnn"), channels=3, size=(9, 12), num_classes=CLASSES)
    learning = part.spec.model_copy(update={"frozen": False})
    part = type(part)(learning, part.tensors)
    augmenter = Augmenter(
        (), Policy().mix, Policy().loss, part, num_classes=CLASSES, input=loop.augmenter.input, model=model
    )
    augmenter.loss(model, *next(loop.batches())[:2]).backward()
    assert augmenter.learner is not None
    assert all(one.grad is not None for group in augmenter.param_groups() for one in group["params"])


# ---- networks


@pytest.mark.parametrize("name", ["tiny_cnn", "tiny_vit"])
def test_a_widened_network_makes_of_copies_what_it_made_of_the_image(name):
    model = build_model(ModelSpec(name=name), channels=3, size=(8, 12), num_classes=5).eval()
    images = torch.rand(4, 3, 8, 12)
    wanted = model(images)
    widen(model, 3, 3)
    torch.testing.assert_close(model(images.repeat(1, 3, 1, 1)), wanted, rtol=1e-4, atol=1e-5)


def test_a_network_without_convolutions_is_refused_where_it_is_to_see_pairs():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 3))
    with pytest.raises(InputError, match="generator_input: noise"):
        CopiedNetwork(model, 3, 2)
    assert CopiedNetwork(model, 3, 1)(torch.rand(5, 3, 2, 2)).shape == (5, 4)


def test_a_copied_network_normalises_by_the_batch_but_drops_nothing():
    model = build_model(ModelSpec(name="tiny_cnn", drop_rate=0.9), channels=1, size=(8, 8), num_classes=3)
    network = CopiedNetwork(model, 1, 1).train()
    images = torch.rand(6, 1, 8, 8)
    first = network(images)
    assert torch.equal(first, network(images))
    assert not torch.allclose(first, network.eval()(images))


def test_noise_ends_at_two_standard_deviations():
    noise = truncated_normal(torch.empty(20, 1000), Randomness(Generator().manual_seed(0)))
    assert noise.abs().max() <= 2
    assert noise.mean().item() == pytest.approx(0, abs=0.03)
    assert noise.std().item() == pytest.approx(0.8796, abs=0.02)


# ---- what is recorded


def drawn(shares: Tensor, width: float = 0.5) -> DrawnShares:
    """Pairs that were drawn with these shares."""
    statistics = DrawnShares(1, HOST)
    region = Region(torch.zeros(len(shares), 1), torch.full((len(shares), 1), width))
    statistics.add(0, region, torch.stack((shares, 1 - shares), 1))
    return statistics


def test_widths_mixings_and_shares_are_counted():
    statistics = drawn(torch.tensor([0.0, 0.3, 0.9, 1.0]))
    width, mixing, spread, shares = statistics.means()
    assert width.item() == pytest.approx(0.5)
    assert mixing.item() == pytest.approx((0 + 0.3 + 0.1 + 0) / 4)
    assert spread.item() == pytest.approx((0.25 + 0.04 + 0.16 + 0.25) / 4)
    assert {place: share for place, share in enumerate(shares[0].tolist()) if share} == {
        0: 0.25,
        6: 0.25,
        18: 0.25,
        19: 0.25,
    }
    statistics.clear()
    assert statistics.empty


def test_the_mixing_of_three_is_what_the_largest_share_leaves():
    statistics = DrawnShares(1, HOST)
    region = Region(torch.zeros(1, 2), torch.tensor([[0.2, 0.4]]))
    statistics.add(0, region, torch.tensor([[0.1, 0.6, 0.3]]))
    assert statistics.means().mixing.item() == pytest.approx(0.4)
    assert statistics.means().width.item() == pytest.approx(0.3)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_a_symmetric_beta_is_fitted_to_shares(alpha):
    shares = Randomness(Generator().manual_seed(0)).beta(alpha, 50000, torch.empty(1))
    assert symmetric_beta(drawn(shares).means().spread.item()) == pytest.approx(alpha, rel=0.02)


def test_even_shares_are_beta_of_one():
    assert symmetric_beta(1 / 12) == pytest.approx(1)


@pytest.mark.parametrize(
    ("shares", "width", "tree", "collapsed"),
    [
        ([0.001, 0.999, 0.01], 0.5, {"kind": "none"}, 1),
        ([0.5, 0.52, 0.48], 0.5, {"kind": "mixup", "alpha": 4.0, "probability": 0.5, "per": "sample"}, 0),
        ([0.0, 0.9, 0.8], 0.5, {"kind": "mixup", "alpha": 0.25, "probability": 0.5, "per": "sample"}, 0),
        ([0.5, 0.52, 0.48], 0.01, {"kind": "mixup", "alpha": 4.0, "probability": 0.5, "per": "sample"}, 1),
    ],
)
def test_the_record_tells_a_collapse_and_the_marginal_is_mixup_or_nothing(shares, width, tree, collapsed):
    learner = learner_of(loop_of(AdaMixUp()))
    assert learner.record() == {}
    assert learner.marginal() == {}
    learner.drawn.sums.copy_(drawn(torch.tensor(shares), width).sums)
    assert learner.record()["collapsed"] == {"fold 2": collapsed}
    assert sum(learner.record()["share, fold 2"].values()) == pytest.approx(1)
    assert dict(learner.marginal()) == {"mix": tree}


# ---- mistakes


def test_a_loss_that_needs_more_than_logits_is_refused():
    model = build_model(ModelSpec(name="tiny_cnn"), channels=3, size=(8, 8), num_classes=3)
    refused = Policy.model_validate({"learned": {"kind": "adamixup"}, "loss": {"kind": "regmixup"}})
    with pytest.raises(InputError, match=r"needs a loss of logits and soft targets.*`regmixup`"):
        refused.build(num_classes=3, input=ImageSpec(3, (8, 8), (0.5,) * 3, (0.2,) * 3), model=model)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": (2, 2)}, "every fold may be named once"),
        ({"folds": (1,)}, "greater than or equal to 2"),
        ({"folds": ()}, "at least 1 item"),
        ({"min_width": 0.8, "edge": 0.1}, "must be below 1"),
    ],
)
def test_fields_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        AdaMixUp(**fields)


# ---- three clusters on a line: what lies between two of them is the third


def points(labels: Tensor, draws: Generator) -> Tensor:
    """Pictures of one pixel, the numbers -1, 1 and 0 after they are normalised, with noise."""
    centres = torch.tensor([-1.0, 1.0, 0.0])[labels]
    return (0.5 + 0.4 * (centres + 0.05 * torch.randn(len(labels), generator=draws))).view(-1, 1, 1, 1)


def trained(policy: Policy, seed: int, steps: int = 500, rate: float = 5e-3) -> tuple[float, Augmenter]:
    """Loss on clean points after a training, and the augmenter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Conv2d(1, 32, 1), nn.Tanh(), nn.Conv2d(32, 32, 1), nn.Tanh()
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 3))
    draws = Generator().manual_seed(seed)
    look = ImageSpec(1, (1, 1), (0.5,), (0.4,))
    augmenter = policy.build(num_classes=3, input=look, model=model, generator=Generator().manual_seed(seed))
    groups = [{"params": list(model.parameters())}, *augmenter.param_groups()]
    optimizer = torch.optim.Adam(groups, lr=rate)
    for step in range(steps):
        if step % 100 == 0:
            augmenter.begin_epoch(step / steps)
        labels = torch.randint(3, (192,), generator=draws)
        optimizer.zero_grad()
        augmenter.loss(model, points(labels, draws), labels, step / steps).backward()
        optimizer.step()
    labels = torch.arange(3).repeat(1000)
    with torch.no_grad():
        logits = model(augmenter.normalise(points(labels, draws)))
    return nn.functional.cross_entropy(logits, labels).item(), augmenter


@cache
def with_fixed_shares(seed: int) -> float:
    """Loss after a training in which one half is mixed by shares uniform in [0, 1]."""
    fixed = {"kind": "mixup", "alpha": 1.0, "probability": 0.5, "per": "sample"}
    return trained(Policy.model_validate({"mix": fixed}), seed)[0]


seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])


@seeds
def test_what_is_learned_beats_fixed_shares_where_mixtures_collide(seed):
    fixed = with_fixed_shares(seed)
    guarded = AdaMixUp(generator="tiny", min_width=0.2, edge=0.05)
    learned, augmenter = trained(Policy(learned=guarded), seed)
    assert learned < fixed
    record = augmenter.learner.record()
    assert record["collapsed"] == record["everywhere"] == {"fold 2": 0}
    assert record["width"]["fold 2"] >= 0.2 - 1e-5
    assert augmenter.learner.marginal()["mix"]["kind"] == "mixup"


@seeds
def test_without_a_guard_it_learns_not_to_mix_and_says_so(seed):
    fixed = with_fixed_shares(seed)
    learned, augmenter = trained(Policy(learned=AdaMixUp(generator="tiny")), seed)
    assert learned < fixed / 10
    assert augmenter.learner.history[-1]["collapsed"] == {"fold 2": 1}
    assert augmenter.learner.record()["collapsed"] == {"fold 2": 1}
    assert dict(augmenter.learner.marginal()) == {"mix": {"kind": "none"}}


@pytest.mark.parametrize("edge", [0.0, 0.05])
def test_a_region_that_is_wide_at_first_grows_to_full_width_and_says_so(edge, monkeypatch):
    begun = RegionGenerator.__init__

    def wide(self, *parts):
        begun(self, *parts)
        with torch.no_grad():
            self.head[1].bias.copy_(torch.tensor([0.0, 3.0, 0.0]))

    monkeypatch.setattr(RegionGenerator, "__init__", wide)
    _, augmenter = trained(Policy(learned=AdaMixUp(generator="tiny", edge=edge)), seed=0, steps=100)
    record = augmenter.learner.record()
    assert record["width"]["fold 2"] == pytest.approx(1 - 2 * edge, abs=0.01)
    assert (record["everywhere"], record["collapsed"]) == ({"fold 2": 1}, {"fold 2": 0})


@pytest.mark.parametrize(
    ("width", "edge", "told"), [(0.97, 0.0, 0), (0.97, 0.05, 1), (0.985, 0.0, 1), (0.85, 0.05, 0)]
)
def test_full_width_is_what_the_edges_leave(width, edge, told):
    learner = learner_of(loop_of(AdaMixUp(edge=edge)))
    learner.drawn.sums.copy_(drawn(torch.tensor([0.3, 0.6]), width).sums)
    assert learner.record()["everywhere"] == {"fold 2": told}


def test_the_widths_of_three_share_one_room():
    learner = learner_of(loop_of(AdaMixUp(folds=(3,))))
    for width, told in ((0.5, 1), (0.45, 0)):
        learner.drawn.clear()
        region = Region(torch.zeros(1, 2), torch.full((1, 2), width))
        learner.drawn.add(0, region, torch.tensor([[0.2, 0.3, 0.5]]))
        assert learner.record()["everywhere"] == {"fold 3": told}
