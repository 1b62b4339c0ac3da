"""Neural collapse: an exact simplex, closed forms, what leaves the measures as they are, and hard cases."""

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from automix_search.metrics import Geometry, measure, resolve_metric

NAMES = ("nc1", "nc2", "nc2_weights", "nc3", "nc4")
CLASSES, WIDTH = 4, 7
seeds = st.integers(0, 10_000)


def classifier_with(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def geometry_of(features: Tensor, labels: Tensor, layer: nn.Linear, batch: int = 7) -> Geometry:
    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(torch.split(features, batch), torch.split(labels, batch), strict=True)

    return measure(batches, layer)


def measures(features: Tensor, labels: Tensor, layer: nn.Linear, batch: int = 7) -> dict[str, float]:
    geometry = geometry_of(features, labels, layer, batch)
    return {name: resolve_metric(name).compute(geometry) for name in NAMES}


def draw(seed: int, count: int = 60, width: int = WIDTH) -> tuple[Tensor, Tensor, nn.Linear]:
    """Noisy features, float64, of classes of unlike sizes, and a classifier that has learnt a little."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(CLASSES), torch.randint(CLASSES - 1, (count,), generator=generator)])
    corners = 4 / math.sqrt(width) * torch.randn(CLASSES, width, generator=generator, dtype=torch.float64)
    features = corners[labels] + torch.randn(len(labels), width, generator=generator, dtype=torch.float64)
    weight = corners + torch.randn(CLASSES, width, generator=generator, dtype=torch.float64)
    return features, labels, classifier_with(weight, torch.randn(CLASSES, generator=generator).double())


def rotation(seed: int, width: int = WIDTH) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    turn: Tensor = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q
    return turn


def simplex(classes: int = CLASSES, width: int = WIDTH, seed: int = 0) -> Tensor:
    """`K x d`, corners of a simplex somewhere in space, around the origin."""
    corners = torch.eye(classes, dtype=torch.float64) - 1 / classes
    return 2.5 * corners @ rotation(seed, width)[:classes]


def by_hand(features: Tensor, labels: Tensor, layer: nn.Linear) -> dict[str, float]:
    """The definitions, word for word, with everything held at once."""
    means = torch.stack([features[labels == k].mean(0) for k in range(CLASSES)])
    centred = means - means.mean(0)
    residual = features - means[labels]
    within = residual.T @ residual / len(features)
    between = centred.T @ centred / CLASSES
    simplex = (torch.eye(CLASSES, dtype=torch.float64) - 1 / CLASSES) / math.sqrt(CLASSES - 1)

    def off(matrix: Tensor) -> float:
        return float((matrix / matrix.norm() - simplex).norm())

    weight = layer.weight.detach()
    nearest = torch.cdist(features, means).argmin(1)
    return {
        "nc1": torch.trace(within @ torch.linalg.pinv(between, rtol=1e-10)).item() / CLASSES,
        "nc2": off(centred @ centred.T),
        "nc2_weights": off(weight @ weight.T),
        "nc3": off(weight @ centred.T),
        "nc4": (layer(features).argmax(1) != nearest).double().mean().item(),
    }


@pytest.mark.parametrize("width", [2, 3, WIDTH, 20])
def test_is_what_the_definitions_say(width: int) -> None:
    features, labels, layer = draw(3, width=width)
    found = measures(features, labels, layer)
    assert found == pytest.approx(by_hand(features, labels, layer))
    assert found["nc4"] > 0


@given(seeds, st.integers(2, 70))
def test_batches_do_not_count(seed: int, batch: int) -> None:
    features, labels, layer = draw(seed)
    assert measures(features, labels, layer, batch) == pytest.approx(measures(features, labels, layer, 64))


def test_float32_and_bfloat16_features_are_summed_in_float64() -> None:
    features, labels, layer = draw(5)
    exact = measures(features, labels, layer)
    assert measures(features.float(), labels, layer.float()) == pytest.approx(exact, rel=1e-5)
    assert measures(features.bfloat16(), labels, layer) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("classes", [2, 3, CLASSES])
def test_a_simplex_is_wholly_collapsed(classes: int) -> None:
    corners, labels = simplex(classes), torch.arange(3 * classes) % classes
    geometry = geometry_of(corners[labels] + 5.0, labels, classifier_with(corners, -5.0 * corners.sum(1)))
    found = {name: resolve_metric(name).compute(geometry) for name in NAMES}
    assert found == pytest.approx(dict.fromkeys(NAMES, 0.0), abs=1e-12)
    cosine = torch.nn.functional.cosine_similarity(geometry.means[0], geometry.means[1], dim=0)
    assert cosine.item() == pytest.approx(-1 / (classes - 1))


@given(seeds, st.floats(0.1, 10.0))
def test_nc1_stays_when_features_are_turned_moved_and_scaled(seed: int, scale: float) -> None:
    features, labels, layer = draw(seed)
    changed = scale * features @ rotation(seed) + 3.0
    assert measures(changed, labels, layer)["nc1"] == pytest.approx(measures(features, labels, layer)["nc1"])


@given(seeds)
def test_nc1_stays_under_any_linear_map_where_means_span_the_features(seed: int) -> None:
    features, labels, layer = draw(seed, width=CLASSES - 1)
    shear = torch.eye(CLASSES - 1, dtype=torch.float64) + 0.4 * torch.ones(
        CLASSES - 1, CLASSES - 1, dtype=torch.float64
    ).triu(1)
    expected = measures(features, labels, layer)["nc1"]
    assert measures(features @ shear, labels, layer)["nc1"] == pytest.approx(expected)


@given(seeds, st.floats(0.1, 10.0))
def test_nc2_and_nc3_stay_when_all_is_turned_and_scaled(seed: int, scale: float) -> None:
    features, labels, layer = draw(seed)
    turned = classifier_with(layer.weight.detach() @ rotation(seed) / scale)
    found = measures(scale * features @ rotation(seed), labels, turned)
    expected = measures(features, labels, layer)
    for name in ("nc2", "nc2_weights", "nc3"):
        assert found[name] == pytest.approx(expected[name])


@pytest.mark.parametrize("sigma", [0.3, 0.6])
def test_nc1_grows_with_the_variance_of_noise(sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40_000) % CLASSES
    corners = simplex()
    noise = sigma * torch.randn(len(labels), WIDTH, generator=generator, dtype=torch.float64)
    geometry = geometry_of(corners[labels] + noise, labels, classifier_with(corners), batch=5000)
    # Of the corners' K - 1 directions each has the variance 2.5 ** 2 / K between classes.
    expected = sigma**2 * (CLASSES - 1) * CLASSES / 2.5**2 / CLASSES
    assert resolve_metric("nc1").compute(geometry) == pytest.approx(expected, rel=0.03)


def test_a_random_classifier_is_far_from_a_simplex() -> None:
    generator = torch.Generator().manual_seed(4)
    features, labels, _ = draw(4, width=64)
    weight = torch.randn(CLASSES, 64, generator=generator, dtype=torch.float64)
    assert measures(features, labels, classifier_with(weight))["nc2_weights"] > 0.3


def test_nc3_sees_a_classifier_that_points_elsewhere() -> None:
    corners, labels = simplex(), torch.arange(3 * CLASSES) % CLASSES
    turned = corners[[1, 0, 2, 3]]
    found = measures(corners[labels], labels, classifier_with(turned))
    assert found["nc2"] == pytest.approx(0, abs=1e-12)
    assert found["nc2_weights"] == pytest.approx(0, abs=1e-12)
    assert found["nc3"] > 0.5
    assert found["nc4"] == pytest.approx(2 / CLASSES)


def test_absent_classes_are_left_out() -> None:
    features, labels, layer = draw(9)
    inner = labels != 1
    weight, bias = layer.weight.detach()[[0, 2, 3]], layer.bias.detach()[[0, 2, 3]]
    others = torch.tensor([0, -1, 1, 2])[labels[inner]]
    expected = measures(features[inner], others, classifier_with(weight, bias))
    assert measures(features[inner], labels[inner], layer) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 1e9 / 3, math.nan, math.inf])
def test_features_that_tell_nothing_apart_are_not_collapsed(value: float) -> None:
    _, labels, layer = draw(1, count=300)
    found = measures(torch.full((len(labels), WIDTH), value, dtype=torch.float64), labels, layer)
    for name in ("nc1", "nc2", "nc3", "nc4"):
        assert math.isnan(found[name])


def test_differences_as_small_as_rounding_are_no_direction() -> None:
    features, labels, layer = draw(6)
    flat = features * torch.tensor([1.0, 1.0, 0, 0, 0, 0, 0])
    tilted = flat + 1e-8 * features * torch.tensor([0, 0, 1.0, 0, 0, 0, 0])
    tilted[:, 2] += 0.01 * torch.randn(len(labels), generator=torch.Generator().manual_seed(0)).double()
    for k in range(CLASSES):  # class means as they were
        tilted[labels == k, 2] -= tilted[labels == k, 2].mean() - 1e-8 * k
    assert measures(tilted, labels, layer)["nc1"] == pytest.approx(measures(flat, labels, layer)["nc1"])


def test_nothing_keeps_a_graph() -> None:
    features, labels, layer = draw(2)
    geometry = geometry_of(features, labels, layer)
    assert not geometry.means.requires_grad
    assert not geometry.weights.requires_grad
