"""Invariance-constrained learning: the contract, and the oracles of its specification."""

import copy
from math import pi

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned.invariance.chain import acceptance, last_states
from automix_search.learned.invariance.curriculum import as_schedule, mean_factor, middles
from automix_search.learned.invariance.duals import KNOTS, Duals, ascended, knot_at
from automix_search.learned.invariance.policy import InvarianceConstrained, InvarianceLearner
from automix_search.learned.invariance.proposals import LEVELS, THIRTEEN, Transformations
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.schedules import Constant, Knots
from automix_search.testing.learned import LearnedContract, learner_of


class TestInvarianceConstrained(LearnedContract):
    learned = InvarianceConstrained(dual_rate=0.1)


class TestOnePass(LearnedContract):
    learned = InvarianceConstrained(form="sample", gamma=0.5, chain_share=0.5, resolution=0.5)


class TestEachKindOfOperation(LearnedContract):
    learned = InvarianceConstrained(per="transformation", gamma=0.3, chains=2, slack_cost=1.0)


LAW = {
    1: (0.25, 0.25, 0.25, 0.25),
    2: (0.1302, 0.2292, 0.2969, 0.3438),
    4: (0.1021, 0.2038, 0.3020, 0.3921),
    8: (0.1000, 0.2001, 0.3001, 0.3998),
}
"""Where chains over four transformations with losses 1, 2, 3, 4 are after so many states."""

laws = pytest.mark.parametrize(("states", "law"), LAW.items())


@laws
def test_the_law_of_the_chain_by_enumeration(states, law):
    losses = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    moves = acceptance(losses[:, None], losses[None]) / 4
    kernel = moves - moves.diag().diag()
    kernel = kernel + (1 - kernel.sum(1)).diag()
    found = torch.full((4,), 0.25, dtype=torch.float64) @ torch.linalg.matrix_power(kernel, states - 1)
    assert found.tolist() == pytest.approx(law, abs=5e-5)


@laws
def test_the_law_of_the_chain_by_sampling(states, law):
    draws, count = Generator().manual_seed(0), 200_000
    proposed = torch.randint(4, (states, count), generator=draws)
    ends = last_states(proposed + 1.0, torch.rand(states - 1, count, generator=draws))
    found = proposed.gather(0, ends[None])[0].bincount(minlength=4) / count
    assert found.tolist() == pytest.approx(law, abs=5e-3)


def test_a_chain_moves_where_the_draw_is_below_the_ratio_of_losses():
    losses = torch.tensor([[2.0, 2.0], [1.0, 1.0], [3.0, 0.0]])
    draws = torch.tensor([[0.49, 0.51], [0.99, 0.0]])
    assert last_states(losses, draws).tolist() == [2, 0]


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_nothing_is_accepted_where_losses_cannot_be_compared(value):
    assert last_states(torch.full((4, 5), value), torch.zeros(3, 5)).tolist() == [0] * 5


@pytest.mark.parametrize(("seen", "wanted"), [(0.9, 0.03), (0.3, 0.0)])
def test_the_dual_follows_what_is_seen_and_is_never_negative(seen, wanted):
    gamma = torch.zeros(1)
    for step in range(1, 101):
        gamma = ascended(gamma, torch.tensor([seen - 0.6]), 1e-3)
        assert gamma.item() == pytest.approx(max(0.0, step * 1e-3 * (seen - 0.6)), abs=1e-6)
    assert gamma.item() == pytest.approx(wanted, abs=1e-6)


def test_duals_find_the_point_of_kuhn_and_tucker():
    """Of the least theta^2 with (theta - 1)^2 <= 1/4."""
    theta, gamma = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for _ in range(4000):
        excess = (theta - 1).square() - 0.25
        theta = theta - 0.05 * (2 * theta + gamma * 2 * (theta - 1))
        gamma = ascended(gamma, excess, 0.05)
    assert (theta.item(), gamma.item()) == pytest.approx((0.5, 1.0), abs=1e-4)


def test_each_dual_follows_its_own_constraint():
    duals = Duals(4, start=0.5, limit=1.0, rate=0.1, cost=None)
    seen = torch.tensor([2.0, 0.5, 9.0, float("nan")])
    duals.step(seen, torch.tensor([True, True, False, True]), progress=0.5)
    assert duals.gamma.tolist() == pytest.approx([0.6, 0.45, 0.5, 0.5])
    assert duals.seen.tolist() == pytest.approx([1.01, 0.995, 1.0, 1.0])


def test_a_constraint_that_cannot_be_kept_is_relaxed_as_far_as_that_costs_less():
    duals = Duals(1, start=0.0, limit=0.6, rate=0.05, cost=2.0)
    for _ in range(2000):
        duals.step(torch.tensor([1.1]), torch.tensor([True]), progress=0.0)
    assert duals.relief.item() == pytest.approx(0.5, abs=1e-3)
    assert duals.gamma.item() == pytest.approx(2.0 * 0.5, abs=1e-3)


def test_the_course_holds_what_each_part_of_training_ended_with():
    duals = Duals(1, start=0.0, limit=0.0, rate=1.0, cost=None)
    for progress in (0.0, 0.01, 0.5, 0.99):
        duals.step(torch.tensor([1.0]), torch.tensor([True]), progress)
    wanted = [2.0] * (KNOTS // 2) + [3.0] * (KNOTS // 2 - 1) + [4.0]
    assert duals.course[:, 0].tolist() == wanted
    assert knot_at(1.0) == KNOTS - 1


def gradients(learned, seed=0):
    """Gradients of a first step, and the model's buffers after it."""
    loop = TestInvarianceConstrained().loop(seed=seed)
    augmenter = Policy(learned=learned).build(
        num_classes=3, input=loop.augmenter.input, model=loop.model, generator=Generator().manual_seed(seed)
    )
    inputs, labels, index = next(loop.batches())
    augmenter.loss(loop.model, inputs, labels, 0.0, index).backward()
    return [parameter.grad for parameter in loop.model.parameters()], loop.model.state_dict()


@pytest.mark.parametrize("per", ["all", "transformation"])
@pytest.mark.parametrize("form", ["joint", "sample"])
def test_without_weight_it_is_as_if_there_were_no_transformations(form, per):
    found, _ = gradients(InvarianceConstrained(form=form, per=per))
    wanted, _ = gradients(None)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_proposals_leave_batch_statistics_alone():
    _, found = gradients(InvarianceConstrained(form="sample", proposals=4))
    _, wanted = gradients(None)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_the_weight_of_one_constraint_is_that_of_many_alike():
    """Images are not mixed here, so that both forms of the joint loss are the same."""
    found, _ = gradients(InvarianceConstrained(gamma=0.7, per="transformation"))
    wanted, _ = gradients(InvarianceConstrained(gamma=0.7))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_proposals_in_half_precision_leave_the_gradient_alone():
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = gradients(InvarianceConstrained(form="sample"))
        wanted, _ = gradients(None)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


class Darkness(nn.Module):
    """Class 1 for bright images, class 0 for dark ones."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[-4.0], [4.0]]))

    def forward(self, images):
        return self.linear(images.mean((1, 2, 3))[:, None])


def learner_on(learned, model=None, size=(8, 10), count=64, **chosen):
    """A learner after one step on white pictures of class 1."""
    model = model or Darkness()
    images = ImageSpec(3, size, (0.5,) * 3, (0.5,) * 3)
    augmenter = Policy(learned=learned, **chosen).build(
        num_classes=2, input=images, model=model, generator=Generator().manual_seed(0)
    )
    white = torch.full((count, 3, *size), 255, dtype=torch.uint8)
    augmenter.loss(model, white, torch.ones(count, dtype=torch.int64), 0.0)
    return augmenter.learner


def test_chains_end_at_what_the_model_loses_most_by():
    learner = learner_on(InvarianceConstrained(proposals=8, operations=("brightness", "invert")))
    assert isinstance(learner, InvarianceLearner)
    assert learner._seen is not None
    assert (learner._seen.cells >= LEVELS).float().mean() > 0.9
    learner.update(type("Context", (), {"progress": 0.0})())
    assert learner.accepted.sum() == 64
    assert learner.record()["probability"]["invert"] > 0.9
    assert learner.duals.gamma.item() > 0


def test_proposals_are_looked_at_in_the_precision_of_the_training():
    model, seen = Darkness(), []
    model.register_forward_hook(lambda module, _, logits: seen.append((module.training, logits.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        learner_on(InvarianceConstrained(form="sample"), model)
    assert seen == [(False, torch.bfloat16), (True, torch.bfloat16)]


@pytest.mark.parametrize(("form", "call"), [("joint", 2), ("sample", 0)])
def test_the_dual_sees_the_transformed_images_as_they_were_trained_on_or_else_the_chain(form, call):
    model, logits = Darkness(), []
    model.register_forward_hook(lambda _, __, output: logits.append(output.detach() * (1 + len(logits))))
    model.register_forward_hook(lambda _, __, output: output * len(logits))
    learner = learner_on(InvarianceConstrained(form=form, proposals=1), model)
    ones = torch.ones(64, dtype=torch.int64)
    torch.testing.assert_close(learner._seen.losses[0], functional.cross_entropy(logits[call], ones))


def test_the_sample_form_transforms_as_often_as_gamma_says():
    """A quarter of the images have a chain, and gamma asks for one in five of all."""
    seen = []
    for share in (1.0, 0.5, 0.25):
        spec = InvarianceConstrained(form="sample", gamma=0.25, chain_share=share, operations=("invert",))
        model = Darkness()
        model.register_forward_pre_hook(lambda module, images: seen.append((module.training, images[0])))
        learner_on(spec, model, count=1000)
        images = next(images for training, images in seen if training)
        count = (images.mean((1, 2, 3)) < 0).sum()
        assert count.item() == pytest.approx(200, abs=40)
        seen.clear()


def test_a_kind_of_operation_that_no_image_got_keeps_its_weight():
    learner = learner_on(InvarianceConstrained(per="transformation", gamma=0.5), count=2)
    kept = learner._seen.cells
    learner.update(type("Context", (), {"progress": 0.0})())
    present = torch.zeros(5, dtype=torch.bool).index_fill(0, learner._groups[kept], True)
    assert ((learner.duals.gamma != 0.5) == present).all()


def test_a_model_of_one_size_cannot_look_at_smaller_images():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 10, 2))
    with pytest.raises(InputError, match=r"resolution: 0\.5"):
        learner_on(InvarianceConstrained(resolution=0.5), model)


def test_a_loss_that_looks_at_more_than_predictions_is_refused():
    with pytest.raises(InputError, match="compares logits with targets"):
        learner_on(InvarianceConstrained(), loss={"kind": "augmix_consistency"})


def trained():
    """A learner with a table and a course of the test's own: no transformation first, then nearly always."""
    loop = TestInvarianceConstrained().loop()
    learner = copy.deepcopy(learner_of(loop))
    learner.accepted.zero_()
    learner.accepted[THIRTEEN.index("rotate") * LEVELS + 11] = 3
    learner.accepted[THIRTEEN.index("solarize") * LEVELS + 29] = 1
    learner.duals.course[: KNOTS // 2], learner.duals.course[KNOTS // 2 :] = 0.0, 1.0
    return loop, learner


def test_on_average_it_does_what_was_accepted_as_often_as_gamma_said():
    _, learner = trained()
    (transform,) = learner.marginal()["transform"]["batch"]
    entries = {entry["op"]: entry for (entry,) in transform["sub_policies"]}
    assert entries["rotate"]["magnitude"] == pytest.approx(12 / 30, abs=1e-4)
    assert entries["shear_x"]["probability"] == 0
    schedule = Knots.model_validate(transform["schedule"])
    assert [schedule.factor(progress) for progress in (0.2, 0.8)] == [0, 1]
    weak = learner.duals.course.mul_(0.1)
    assert weak.max() == pytest.approx(0.1)
    (transform,) = learner.marginal()["transform"]["batch"]
    entries = {entry["op"]: entry for (entry,) in transform["sub_policies"]}
    factor = mean_factor(Knots.model_validate(transform["schedule"]), KNOTS)
    often = entries["rotate"]["probability"] / len(entries) * factor
    assert often == pytest.approx(0.75 * 0.5 * 0.1 / 1.1, abs=1e-3)


def test_frozen_it_follows_its_course():
    contract = TestInvarianceConstrained()
    loop, learner = trained()
    learner.duals.course[KNOTS // 2 :] = 1e6
    loop.augmenter.learner = learner
    augmenter = contract.reused(contract.exported(loop), (3, 9, 12))
    inputs, labels, _ = next(loop.batches())
    before = augmenter.normalise(inputs)
    early, _ = augmenter(inputs, labels, 0.3)
    late, _ = augmenter(inputs, labels, 0.8)
    assert torch.equal(early, before)
    assert all(not torch.equal(one, other) for one, other in zip(late, before, strict=True))


def test_a_course_becomes_a_schedule_near_it():
    course = 1 - (torch.arange(KNOTS) / KNOTS - 0.6).abs()
    found = as_schedule(course)
    assert isinstance(found, Knots)
    near = [found.factor(progress) for progress in middles(KNOTS)]
    assert near == pytest.approx(course.tolist(), abs=0.06)
    assert mean_factor(found, KNOTS) == pytest.approx(course.mean().item(), abs=0.01)
    assert isinstance(as_schedule(torch.full((KNOTS,), 0.99)), Constant)


def test_what_is_proposed_is_one_operation_at_any_level_but_the_weakest():
    space, random = Transformations(("rotate", "identity")), Randomness(Generator().manual_seed(0))
    cells = space.draw(5000, random)
    assert cells.unique().tolist() == list(range(60))
    assert space.groups() == ["rotate", "identity"]
    assert space.group_of_cell().tolist() == [0] * LEVELS + [1] * LEVELS
    picture = torch.randint(256, (2, 3, 16, 12), generator=Generator().manual_seed(0), dtype=torch.uint8)
    turned, same = space.apply(picture, torch.tensor([29, 59]), random)
    assert not torch.equal(turned, picture[0])
    assert torch.equal(same, picture[1])


def points(count, spread, draws):
    """Points at two distances from the middle, which is their class, at angles about 0 or anywhere."""
    far = torch.randint(2, (count,), generator=draws)
    noise = 0.1 * torch.randn(count, generator=draws)
    angle = 2 * pi * torch.rand(count, generator=draws)
    angle = angle if spread is None else spread * torch.randn(count, generator=draws)
    return turned((0.6 + 0.8 * far + noise)[:, None] * torch.tensor([1.0, 0.0]), angle), far


def turned(places, angle):
    """Points turned about the middle."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * places[:, 0] - sin * places[:, 1], sin * places[:, 0] + cos * places[:, 1]], 1)


def rotated_accuracy(limit, seed):
    """Accuracy at all angles of a network that was trained near one, and the greatest weight of the constraint."""
    draws = Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    duals, count, peak = Duals(1, 0.0, limit, 0.01, None), 64, 0.0
    for step in range(1500):
        places, classes = points(count, 0.2, draws)
        proposed = turned(places.repeat(2, 1), 2 * pi * torch.rand(2 * count, generator=draws))
        with torch.no_grad():
            losses = functional.cross_entropy(model(proposed), classes.repeat(2), reduction="none")
        ends = last_states(losses.view(2, count), torch.rand(1, count, generator=draws))
        kept = functional.cross_entropy(model(proposed[ends * count + torch.arange(count)]), classes)
        loss = functional.cross_entropy(model(places), classes) + duals.gamma[0] * kept
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        duals.step(kept.detach()[None], torch.tensor([True]), step / 1500)
        peak = max(peak, duals.gamma.item())
    places, classes = points(4000, None, draws)
    return (model(places).argmax(1) == classes).float().mean().item(), peak


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_held_to_the_constraint_learns_the_invariance(seed):
    tight, peak = rotated_accuracy(0.1, seed)
    loose, lower = rotated_accuracy(0.5, seed)
    vanilla, none = rotated_accuracy(100.0, seed)
    assert tight > 0.97
    assert tight > loose - 0.005 > vanilla + 0.15
    assert peak > lower > none == 0
    assert 0.1 < peak < 0.6
