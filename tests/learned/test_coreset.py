"""Data-efficient augmentation: the contract, and the oracles of its specification."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.learned import EpochContext, Setting
from automix_search.learned.coreset import DataEfficient
from automix_search.learned.coreset.facility import Points, facility_location, followers
from automix_search.learned.coreset.looking import Watched
from automix_search.learned.coreset.membership import members_first, places_for, weights_of
from automix_search.learned.coreset.selection import Coreset, Proxies, select
from automix_search.losses import SoftCrossEntropy
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.learned import LearnedContract, learner_of, spec_of
from automix_search.transforms.flip import HorizontalFlip

NOTHING = HorizontalFlip(probability=0.0)


class TestDataEfficient(LearnedContract):
    learned = DataEfficient(every=1)
    moves = False


class TestErrorsOfTheTraining(LearnedContract):
    learned = DataEfficient(proxy_from="training", proxy="features", every=1, share=0.5)
    moves = False


class TestOnlyTheCoreset(LearnedContract):
    learned = DataEfficient(train_on="coreset", proxy="length", choose="max_loss", share=0.6)
    moves = False


class TestARandomSubset(LearnedContract):
    learned = DataEfficient(train_on="random_subset", choose="random", share=0.6)
    moves = False


def seeded(seed=0):
    return Randomness(Generator().manual_seed(seed))


def one_group(*factors):
    """Points of a single group."""
    return Points(
        [factor[None].double() for factor in factors], torch.ones(1, len(factors[0]), dtype=torch.bool)
    )


def worth(places, chosen):
    """How similar all points are to their nearest chosen one."""
    distances = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
    return (distances.max() - distances)[:, list(chosen)].amax(1).sum().item()


def plain_greedy(places, budget):
    """One point after the other, all gains reckoned every time."""
    chosen = []
    for _ in range(budget):
        rest = [place for place in range(len(places)) if place not in chosen]
        chosen.append(max(rest, key=lambda place: worth(places, [*chosen, place])))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_greedy_is_nearly_as_good_as_the_best_of_all(seed):
    places = torch.randn(10, 2, generator=Generator().manual_seed(seed), dtype=torch.float64)
    chosen = facility_location(one_group(places), [3])[0].nonzero()[:, 0].tolist()
    best = max(worth(places, some) for some in combinations(range(10), 3))
    assert worth(places, chosen) >= (1 - 1 / torch.e) * best
    assert worth(places, chosen) >= 0.95 * best


@given(st.integers(0, 10_000), st.lists(st.integers(1, 40), min_size=1, max_size=3), st.integers(1, 40))
def test_the_lazy_choice_is_the_plain_one_in_every_group(seed, counts, budget):
    draws = Generator().manual_seed(seed)
    groups = [torch.randn(count, 3, generator=draws, dtype=torch.float64) for count in counts]
    padded = nn.utils.rnn.pad_sequence(groups, batch_first=True)
    valid = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    points, budgets = Points([padded], valid), [min(budget, count) for count in counts]
    chosen = facility_location(points, budgets)
    assert chosen.sum(1).tolist() == budgets
    assert not (chosen & ~valid).any()
    weights = followers(points, chosen, max(budgets))
    assert ((weights > 0) == chosen).all()
    for places, found, own, wanted in zip(groups, chosen, weights, budgets, strict=True):
        some = found.nonzero()[:, 0].tolist()
        assert worth(places, some) == pytest.approx(worth(places, plain_greedy(places, wanted)), rel=1e-4)
        assert own.sum() == len(places)


def test_points_count_for_those_that_are_nearest_to_them():
    places = torch.tensor([0.0, 0.1, -0.1, 0.2, -0.2, 0.05, 5.0, 9.0, 9.2, 8.8])[:, None]
    points = one_group(places)
    chosen = facility_location(points, [3])
    counted = followers(points, chosen, 3)[0][chosen[0]].tolist()
    assert counted == [6, 1, 3]


def test_copies_are_chosen_once_and_count_for_all_of_them():
    draws = Generator().manual_seed(0)
    places = torch.cat([torch.zeros(90, 4), torch.randn(10, 4, generator=draws) * 3])
    points = one_group(places[torch.randperm(100, generator=draws)])
    chosen = facility_location(points, [11])
    distinct = torch.unique(points.factors[0][0][chosen[0]], dim=0)
    assert len(distinct) == 11
    assert sorted(followers(points, chosen, 11)[0][chosen[0]].tolist()) == [1] * 10 + [90]


def test_a_product_of_factors_is_compared_as_if_it_were_written_out():
    draws = Generator().manual_seed(0)
    errors, features = torch.randn(20, 3, generator=draws), torch.randn(20, 5, generator=draws)
    outer = torch.einsum("na,nb->nab", errors, features).flatten(1)
    some = torch.tensor([[4, 0, 19]])
    found = one_group(errors, features).distances(some)
    torch.testing.assert_close(found[0], torch.cdist(outer, outer[some[0]]), rtol=1e-4, atol=1e-4)


def proxies(counts=(30, 50, 9), seed=0, ids=1000):
    """Samples of several classes, in any order, with ids from `ids` on."""
    draws = Generator().manual_seed(seed)
    classes = torch.cat([torch.full((count,), place) for place, count in enumerate(counts)])
    classes = classes[torch.randperm(len(classes), generator=draws)]
    errors = torch.randn(len(classes), 3, generator=draws)
    return Proxies(
        torch.arange(len(classes)) * 2 + ids, classes, torch.rand(len(classes), generator=draws), (errors,)
    )


@pytest.mark.parametrize("choose", ["coverage", "random", "max_loss"])
@pytest.mark.parametrize("most", [1000, 20])
def test_each_class_gives_equally_many_as_far_as_it_has_them(choose, most):
    given = proxies()
    found = select(given, 0.5, choose, seeded(), most)
    classes = given.classes[(found.index - 1000) // 2]
    assert classes.bincount().tolist() == [15, 15, 9]
    assert (found.index.diff() > 0).all()
    assert found.weights.mean() == pytest.approx(1)
    assert found.share == pytest.approx(39 / 89)
    if choose != "coverage":
        assert (found.weights == 1).all()


def test_the_hardest_are_those_with_the_greatest_losses():
    given = proxies((40,))
    found = select(given, 0.25, "max_loss", seeded(), 1000)
    assert set(found.index.tolist()) == set(given.index[given.losses.topk(10).indices].tolist())


@pytest.mark.parametrize("most", [1000, 7])
def test_all_samples_count_alike_when_all_are_chosen(most):
    given = proxies((20, 20))
    found = select(given, 1.0, "coverage", seeded(), most)
    assert found.index.tolist() == given.index.tolist()
    assert found.weights.tolist() == [1] * 40


def test_proxies_that_are_no_numbers_do_no_harm():
    given = proxies((20,))
    given.factors[0][3] = torch.nan
    assert len(select(given, 0.5, "coverage", seeded(), 1000).index) == 10


def test_of_a_sample_that_comes_twice_the_last_counts():
    parts = [
        Proxies(
            torch.tensor(index),
            torch.tensor(index) % 2,
            torch.tensor(losses),
            (torch.tensor(losses)[:, None],),
        )
        for index, losses in (([5, 3], [0.1, 0.2]), ([3, 4, 3], [0.3, 0.4, 0.5]))
    ]
    found = Proxies.joined(parts)
    assert found.index.tolist() == [3, 4, 5]
    assert found.losses.tolist() == pytest.approx([0.5, 0.4, 0.1])
    assert found.factors[0][:, 0].tolist() == found.losses.tolist()


def test_weights_are_found_by_id():
    coreset = Coreset.of(torch.tensor([7, 3, 90]), torch.tensor([1.0, 2.0, 3.0]), 0.1)
    index = torch.tensor([3, 4, 7, 90, 91, 0])
    assert weights_of(coreset, index).tolist() == pytest.approx([1, 0, 0.5, 1.5, 0, 0])


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(2, 30))
def test_places_go_to_members_in_turn(member, places):
    rows = members_first(torch.tensor(member), places, seeded()).tolist()
    assert len(rows) == places
    if any(member):
        assert all(member[row] for row in rows)
        assert len(set(rows)) == min(places, sum(member))
    else:
        assert len(set(rows)) == 1


def test_there_are_places_for_a_deviation_more_than_the_mean():
    assert places_for(0.3, 128) == 44
    assert places_for(1.0, 128) == 128
    assert places_for(0.01, 3) == 2


def lesson(learned, **chosen):
    """A training of a linear model, at the start of its first epoch, and its first batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 6, 3))
    draws = Generator().manual_seed(0)
    inputs = torch.randint(256, (24, 3, 4, 6), generator=draws, dtype=torch.uint8)
    labels, index = torch.arange(24) % 3, torch.arange(24) * 5 + 3
    augmenter = Policy(learned=learned, **chosen).build(
        num_classes=3, input=spec_of((3, 4, 6)), model=model, generator=Generator().manual_seed(0)
    )
    augmenter.begin_epoch(0.0, EpochContext(model, lambda: [(inputs, labels, index)]))
    return augmenter, model, (inputs, labels, index)


def each(augmenter, model, inputs, labels):
    return functional.cross_entropy(model(augmenter.normalise(inputs)), labels, reduction="none")


def test_with_all_samples_in_it_the_coreset_is_the_data():
    augmenter, model, (inputs, labels, index) = lesson(DataEfficient(share=1.0, strong=NOTHING))
    loss = augmenter.loss(model, inputs, labels, 0.0, index)
    assert loss.item() == pytest.approx(2 * each(augmenter, model, inputs, labels).mean().item(), rel=1e-5)


@pytest.mark.parametrize("train_on", ["full", "coreset", "random_subset"])
def test_the_loss_is_what_is_trained_on_and_the_weighted_coreset(train_on):
    augmenter, model, (inputs, labels, index) = lesson(
        DataEfficient(share=0.5, strong=NOTHING, train_on=train_on)
    )
    learner = augmenter.learner
    losses = each(augmenter, model, inputs, labels)
    weights = weights_of(learner.coreset, index)
    assert (weights > 0).sum() == 12
    assert weights.max() > 1
    plain = {
        "full": losses.mean(),
        "coreset": losses[weights > 0].mean(),
        "random_subset": losses[torch.isin(index, learner.subset.index)].mean() if learner.subset else None,
    }[train_on]
    wanted = plain + (weights * losses).sum() / 12
    found = torch.stack([augmenter.loss(model, inputs, labels, 0.0, index) for _ in range(200)]).mean()
    assert found.item() == pytest.approx(wanted.item(), rel=0.02)  # three places hold copies anew, at random


@pytest.mark.parametrize("train_on", ["coreset", "random_subset"])
def test_a_batch_without_any_of_the_chosen_costs_nothing(train_on):
    augmenter, model, (inputs, labels, _) = lesson(DataEfficient(share=0.2, train_on=train_on))
    loss = augmenter.loss(model, inputs, labels, 0.0, torch.arange(24) * 5 + 4)
    assert loss.item() == 0


def test_only_the_chosen_are_augmented_strongly():
    spec = DataEfficient(share=0.25, strong=HorizontalFlip(probability=1.0))
    augmenter, model, (inputs, labels, index) = lesson(spec)
    seen = []
    model.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    augmenter.loss(model, inputs, labels, 0.0, index)
    plain, strong = seen
    chosen = (weights_of(augmenter.learner.coreset, index) > 0).nonzero()[:, 0]
    assert torch.equal(plain, augmenter.normalise(inputs))
    flipped = plain[chosen].flip(3).flatten(1)
    assert torch.cdist(strong.flatten(1), flipped).amin(1).max() < 1e-3
    assert len(torch.unique(strong, dim=0)) == min(len(chosen), len(strong))


def test_what_is_chosen_covers_the_errors_of_the_model():
    augmenter, model, (inputs, labels, index) = lesson(DataEfficient(share=0.5))
    chances = model(augmenter.normalise(inputs)).softmax(1)
    errors = (chances - functional.one_hot(labels, 3)).detach()
    for label in range(3):
        own = labels == label
        wanted = {int(index[own][place]) for place in plain_greedy(errors[own], 4)}
        assert wanted <= set(augmenter.learner.coreset.index.tolist())


def test_errors_seen_while_training_choose_for_the_epochs_after():
    spec = DataEfficient(proxy_from="training", every=2, strong=NOTHING)
    augmenter, model, (inputs, labels, index) = lesson(spec)
    learner, chosen = augmenter.learner, []
    for epoch in range(4):
        loss = augmenter.loss(model, inputs, labels, 0.0, index)
        augmenter.update(type("Context", (), {})())
        if epoch == 0:  # random images, all counting alike
            assert loss.item() < 2.5 * each(augmenter, model, inputs, labels).mean().item()
            assert learner.coreset is None
        augmenter.begin_epoch(0.1, None)
        chosen.append(learner.coreset)
    assert chosen[0] is chosen[1]
    assert chosen[2] is not chosen[1]
    passed = lesson(DataEfficient(strong=NOTHING))[0].learner.coreset
    assert torch.equal(chosen[0].index, passed.index)


def test_a_mix_that_changes_how_many_items_there_are_hides_errors():
    setting = Setting(3, spec_of((3, 4, 6)), None, None, None, SoftCrossEntropy(), seeded())
    with pytest.raises(InputError, match="a prediction for each image"):
        Watched(torch.zeros(4, 3)).proxies(setting, torch.eye(3), torch.arange(3), "error")


def test_an_export_lists_no_samples_but_a_checkpoint_does():
    loop = TestDataEfficient().loop()
    loop.train_epoch()
    learner = learner_of(loop)
    assert learner.state_dict() == {}
    assert learner.record()["coreset"]["share"] == pytest.approx(0.3, abs=0.1)
    assert len(learner.training_state()["chosen"]["coreset"]["index"]) == len(learner.coreset.index)


def test_frozen_it_augments_as_large_a_part():
    contract = TestDataEfficient()
    contract.learned = DataEfficient(share=0.25, strong=HorizontalFlip(probability=1.0))
    loop = contract.loop()
    augmenter = contract.reused(contract.exported(loop), (3, 9, 12))
    inputs = torch.randint(256, (400, 3, 9, 12), dtype=torch.uint8)
    images, _ = augmenter(inputs, torch.zeros(400, dtype=torch.int64), 0.5)
    changed = (images != augmenter.normalise(inputs)).flatten(1).any(1).float().mean()
    assert changed.item() == pytest.approx(0.25, abs=0.08)
    (transform,) = learner_of(loop).marginal()["transform"]["batch"]
    assert (transform["kind"], transform["probability"]) == ("hflip", 0.25)


def test_samples_must_be_told_apart():
    augmenter, model, (inputs, labels, _) = lesson(DataEfficient())
    with pytest.raises(InputError, match="give their ids"):
        augmenter.loss(model, inputs, labels, 0.0)


def test_without_the_start_of_an_epoch_nothing_is_chosen():
    augmenter, model, (inputs, labels, index) = lesson(DataEfficient())
    fresh = Policy(learned=DataEfficient()).build(num_classes=3, input=augmenter.input, model=model)
    with pytest.raises(InputError, match="chooses samples before each epoch"):
        fresh.loss(model, inputs, labels, 0.0, index)
    with pytest.raises(InputError, match="chooses samples before each epoch"):
        fresh.begin_epoch(0.0)


def test_a_part_of_the_data_cannot_tell_the_errors_of_all():
    with pytest.raises(ValueError, match="sees all samples only with `train_on: full`"):
        DataEfficient(proxy_from="training", train_on="coreset")


def test_features_need_a_classifier():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(InputError, match="no linear classifier"):
        Policy(learned=DataEfficient(proxy="features")).build(
            num_classes=3, input=spec_of((3, 4, 6)), model=model
        )
