"""AlignMix: transport that puts like to like, one map's places kept, the other's features brought there."""

import pytest
import torch
from stepped import images, linear_network, model_named, policy_of, step
from torch import Generator, Tensor

from automix_search.errors import InputError
from automix_search.mixing.hidden.alignmix import AlignMix, squared_distances, transport
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.mixers import cycle, pictures

pers = pytest.mark.parametrize("per", ["batch", "sample"])


def unit(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(pictures(shape, seed=seed), dim=2)


def by_the_paper(first: Tensor, second: Tensor, epsilon: float, rounds: int) -> Tensor:
    """The authors' rounds for one pair of maps `n x F`, with marginals and potentials: n times their plan."""
    count = len(first)
    cost = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()
    u, v = torch.zeros(count, 1), torch.zeros(1, count)
    marginal = -torch.log(torch.tensor(float(count)))
    for _ in range(rounds):
        u = epsilon * (marginal - ((-cost + u + v) / epsilon).logsumexp(1, keepdim=True)) + u
        v = epsilon * (marginal - ((-cost + u + v) / epsilon).logsumexp(0, keepdim=True)) + v
    return count * ((-cost + u + v) / epsilon).exp()


@pytest.mark.parametrize("rounds", [1, 3, 40])
def test_it_is_the_authors_transport(rounds: int) -> None:
    """Theirs sums to 1 for the second map last; so does ours for the one whose places are kept."""
    first, second = pictures((3, 12, 7)), pictures((3, 12, 7), seed=1)
    for item in range(3):
        wanted = by_the_paper(first[item], second[item], 2.0, rounds).T
        found = transport(second, first, 2.0, rounds)[item]
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_golden_two_places() -> None:
    """With two places the plan is a logistic function of what it saves not to cross over."""
    placed = torch.tensor([[[0.0, 1.0], [2.0, 0.0]]])
    other = torch.tensor([[[0.5, 1.0], [1.0, 1.0]]])
    saved = (1 + 3.25) - (0.25 + 2)
    found = transport(placed, other, 0.7, 200)[0]
    stay = torch.sigmoid(torch.tensor(saved / (2 * 0.7)))
    torch.testing.assert_close(found, torch.stack((stay, 1 - stay, 1 - stay, stay)).view(2, 2))


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("rounds", [1, 20])
def test_what_comes_to_a_place_sums_to_1(rounds: int, cosine: bool) -> None:
    plan = transport(pictures((4, 30, 64)) * 3, pictures((4, 30, 64), seed=1) * 3, 0.1, rounds, cosine=cosine)
    torch.testing.assert_close(plan.sum(2), torch.ones(4, 30), atol=1e-6, rtol=0)
    assert plan.min() >= 0


def test_what_leaves_a_place_sums_to_1_in_the_end() -> None:
    plan = transport(unit((4, 16, 9)), unit((4, 16, 9), 1), 0.1, 500)
    torch.testing.assert_close(plan.sum(1), torch.ones(4, 16), atol=1e-3, rtol=0)


def test_the_transport_carries_no_gradient_and_is_reckoned_in_float32() -> None:
    first, second = pictures((2, 9, 5)).requires_grad_(), pictures((2, 9, 5), seed=1).requires_grad_()
    plan = transport(first, second, 0.5, 20)
    assert not plan.requires_grad
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = transport(first, second, 0.5, 20)
    assert same.dtype == torch.float32
    assert torch.equal(same, plan)
    assert transport(first.bfloat16(), second.bfloat16(), 0.5, 20).dtype == torch.float32


def test_distances() -> None:
    first, second = pictures((2, 6, 5)), pictures((2, 6, 5), seed=1)
    exact = (first[:, :, None] - second[:, None]).square().sum(3)
    torch.testing.assert_close(squared_distances(first, second, False), exact)
    angles = torch.nn.functional.cosine_similarity(first[:, :, None], second[:, None], dim=3)
    torch.testing.assert_close(squared_distances(first, second, True), 2 - 2 * angles)
    assert squared_distances(100 * first, 100 * first, False).min() >= 0


def test_the_cosine_cost_has_no_scale() -> None:
    first, second = pictures((2, 6, 5)), pictures((2, 6, 5), seed=1)
    plan = transport(first, second, 0.3, 20, cosine=True)
    torch.testing.assert_close(transport(30 * first, 0.02 * second, 0.3, 20, cosine=True), plan)


def aligned(
    own: Tensor, partner: Tensor, per: str = "batch", seed: int = 0, **fields: object
) -> tuple[Tensor, Tensor, Tensor]:
    """Mixed features of 16 x 24 pictures, own shares, and who keeps its places: 1 for the own."""
    mixer = AlignMix.model_validate(fields)
    draws = 1 if per == "batch" else len(own)
    found, share = mixer.mixed_features(
        own, partner.clone(), (16, 24), draws, Randomness(Generator().manual_seed(seed))
    )
    random = Randomness(Generator().manual_seed(seed))
    assert torch.equal(random.beta(mixer.alpha, draws, own), share)
    keeps = random.below(2, draws, own)
    return found, share.expand(len(own)), keeps.expand(len(own))


@pers
def test_a_map_and_its_like_give_itself(per: str) -> None:
    """Distinct places and little entropy: each place is matched with itself, whatever the share."""
    features = 5 * pictures((3, 8, 2, 3))
    found, share, _ = aligned(features, features, per, epsilon=0.01, rounds=100)
    torch.testing.assert_close(found, features, atol=1e-4, rtol=1e-4)
    assert 0 < share[0] < 1


def test_both_keep_their_places_half_of_the_time() -> None:
    """Told by where a single bright place is: shares near 1 / 2 move it only a little."""
    own, partner = torch.zeros(400, 1, 2, 3), torch.zeros(400, 1, 2, 3)
    own[:, :, 0, 0] = partner[:, :, 1, 2] = 5
    found, _, _ = aligned(own, partner, "sample", alpha=1e6)
    assert 150 < int((found[:, 0, 0, 0] > 2.5).sum()) < 250
    assert ((found[:, 0, 0, 0] > 2.5) != (found[:, 0, 1, 2] > 2.5)).all()


@pers
@pytest.mark.parametrize("cost", ["euclidean", "cosine"])
def test_against_loops(per: str, cost: str) -> None:
    """Item by item and place by place: the one keeps its places, the other's features come by the plan."""
    own, partner = pictures((5, 7, 2, 3)), pictures((5, 7, 2, 3), seed=1)
    for seed in range(4):
        found, share, keeps = aligned(own, partner, per, seed, cost=cost, epsilon=0.5)
        for item in range(5):
            a, b = own[item].flatten(1).T, partner[item].flatten(1).T
            kept, other = (a, b) if keeps[item] else (b, a)
            weight = share[item] if keeps[item] else 1 - share[item]
            plan = transport(kept[None], other[None], 0.5, 20, cosine=cost == "cosine")[0]
            moved = torch.stack([(plan[place][:, None] * other).sum(0) for place in range(6)])
            wanted = (weight * kept + (1 - weight) * moved).T.view(7, 2, 3)
            torch.testing.assert_close(found[item], wanted)


@pers
def test_where_the_others_places_stand_does_not_matter(per: str) -> None:
    own, partner, order = pictures((5, 7, 2, 3)), pictures((5, 7, 2, 3), seed=1), torch.randperm(6)
    shuffled = partner.flatten(2)[:, :, order].view_as(partner)
    for seed in range(4):
        found, _, keeps = aligned(own, partner, per, seed, epsilon=0.5)
        same, _, _ = aligned(own, shuffled, per, seed, epsilon=0.5)
        kept = keeps > 0
        torch.testing.assert_close(same[kept], found[kept])
        moved = found[~kept].flatten(2)[:, :, order]
        torch.testing.assert_close(same[~kept].flatten(2), moved)


@pers
def test_a_share_of_1_keeps_the_own_map(per: str) -> None:
    """Exactly where the own keeps its places; else it comes to the places of the other."""
    own, partner = pictures((5, 7, 2, 3)), pictures((5, 7, 2, 3), seed=1)
    for seed in range(4):
        found, _, keeps = aligned(own, partner, per, seed, alpha=0)
        assert torch.equal(found[keeps > 0], own[keeps > 0])


def test_features_without_places_are_mixed_as_mixup_does() -> None:
    own, partner = pictures((5, 7)), pictures((5, 7), seed=1)
    found, share, _ = aligned(own, partner, "sample")
    torch.testing.assert_close(found, share[:, None] * own + (1 - share[:, None]) * partner)


@pers
def test_on_the_input_it_is_mixup(per: str) -> None:
    found, _ = step(AlignMix(align_probability=0), linear_network(), per, 3)
    wanted, _ = step(Mixup(alpha=2.0), linear_network(), per, 3)
    assert torch.equal(found.inputs, wanted.inputs)
    assert torch.equal(found.weights, wanted.weights)
    assert not AlignMix(layer=0).hidden_layers()
    assert not AlignMix(align_probability=0).needs()


def test_how_often_features_are_aligned() -> None:
    """Within four standard deviations of 400 batches."""
    mixer, model = AlignMix(align_probability=0.3), linear_network()
    seen = [step(mixer, model, seed=seed, x=images(2))[0].hidden is not None for seed in range(400)]
    assert sum(seen) / 400 == pytest.approx(0.3, abs=4 * (0.21 / 400) ** 0.5)


@pers
@pytest.mark.parametrize("name", ["cifar_resnet18", "tiny_vit", "test_efficientnet"])
@pytest.mark.parametrize("count", [1, 5])
def test_through_a_model(name: str, per: str, count: int) -> None:
    model = model_named(name).eval()
    chosen = Policy.model_validate(policy_of(AlignMix(align_probability=1, cost="cosine"), per=per))
    augment = chosen.build(num_classes=5, model=model, generator=Generator().manual_seed(1))
    loss = augment.loss(model, images(count), torch.arange(count) % 5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_gradients_flow_through_both_maps_and_not_through_the_plan() -> None:
    own, partner = pictures((1, 7, 2, 3)).requires_grad_(), pictures((1, 7, 2, 3), seed=1).requires_grad_()
    mixer, weight = AlignMix(epsilon=0.5), pictures((1, 7, 2, 3), seed=2)
    for seed in range(4):
        random = Randomness(Generator().manual_seed(seed))
        found, share = mixer.mixed_features(own, partner, (16, 24), 1, random)
        first, second = torch.autograd.grad((found * weight).sum(), (own, partner))
        _, _, keeps = aligned(own.detach(), partner.detach(), seed=seed, epsilon=0.5)
        kept, other = (own, partner) if keeps[0] else (partner, own)
        part = share if keeps[0] else 1 - share
        plan = transport(kept.flatten(2).transpose(1, 2), other.flatten(2).transpose(1, 2), 0.5, 20)
        to_kept, to_other = (first, second) if keeps[0] else (second, first)
        torch.testing.assert_close(to_kept, part * weight)
        moved = (1 - part) * (weight.flatten(2) @ plan)
        torch.testing.assert_close(to_other.flatten(2), moved)


def test_a_layer_out_of_reach() -> None:
    chosen = Policy.model_validate(policy_of(AlignMix(layer=-4)))
    with pytest.raises(InputError, match="no layer -4 to mix"):
        chosen.build(num_classes=5, model=model_named("tiny_cnn"))


def test_partners_are_those_of_the_pairs() -> None:
    """With features that tell who they are of, the mix of each item has its own and the next one's."""
    mixer = AlignMix(align_probability=1.0)
    batch, _ = step(mixer, linear_network(), "sample")
    assert batch.hidden is not None
    features = torch.eye(6)
    found, weights = batch.hidden.change(features)
    wanted = weights[:, :1] * features + weights[:, 1:] * features[cycle(6)]
    torch.testing.assert_close(found, wanted)
