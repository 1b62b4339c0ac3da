"""Neural collapse: how near features and classifier are to a simplex. Axes: B items, K classes, d features.

Towards the end of training, features of a class gather at its mean, class means spread to the corners of a
simplex (an equiangular tight frame), and the classifier's rows point to these corners. All of it is measured on
features in evaluation mode, of images without augmentation.

Reference: Papyan, Han and Donoho, Prevalence of neural collapse during the terminal phase of deep learning
training, PNAS 2020, https://arxiv.org/abs/2008.08186; with the measures of Zhu et al., A Geometric Analysis of Neural
Collapse with Unconstrained Features, NeurIPS 2021, https://arxiv.org/abs/2105.02375. Unlike in their code, the
centre is the mean of the class means also where classes differ in size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FeatureBatches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Goes through a split once: features `B x d` and class ids `(B,)` int64, on the device of the classifier."""

_SMALLEST = 1e-6
"""Singular values below this part of the largest are noise of float32 features."""
_ROUNDING = 1e-12
"""Class means that differ by less, relative to their size, are one."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """How the features of a split lie, to one another and to the classifier.

    Classes that no image has are left out. What has no meaning, since all class means coincide, is NaN.

    Attributes:
        means: `K x d` float64, class means less their own mean.
        weights: `K x d` float64, rows of the classifier.
        within: Variance within classes over that between them, Tr(Σ_W Σ_B†).
        disagreement: Share of images that classifier and nearest class mean put into different classes.
    """

    means: Tensor
    weights: Tensor
    within: float
    disagreement: float


def nc1(geometry: Geometry) -> float:
    """Neural collapse 1: variance of features within classes, relative to that between them; 0 is collapsed."""
    return geometry.within / len(geometry.means)


def nc2(geometry: Geometry) -> float:
    """Neural collapse 2: distance of the class means from the corners of a simplex, 0 to 2."""
    return _from_simplex(geometry.means @ geometry.means.T)


def nc2_weights(geometry: Geometry) -> float:
    """Neural collapse 2 of the classifier: distance of its rows from the corners of a simplex, 0 to 2."""
    return _from_simplex(geometry.weights @ geometry.weights.T)


def nc3(geometry: Geometry) -> float:
    """Neural collapse 3: distance of the classifier's rows from duals of the class means, 0 to 2."""
    return _from_simplex(geometry.weights @ geometry.means.T)


def nc4(geometry: Geometry) -> float:
    """Neural collapse 4: share of images that the classifier does not put into the class of the nearest mean."""
    return geometry.disagreement


def measure(batches: FeatureBatches, classifier: nn.Linear) -> Geometry:
    """The geometry of a split's features, in float64 and in two passes that hold one batch at a time."""
    weights = classifier.weight.detach().double()
    sums, counts = _class_sums(batches(), weights)
    present = counts > 0
    centroids = sums[present] / counts[present, None]
    centre = centroids.mean(dim=0)
    means, rows = centroids - centre, weights[present]
    whitening = _whitening(means, _ROUNDING * centroids.norm())
    if whitening is None:
        return Geometry(torch.full_like(means, math.nan), rows, math.nan, math.nan)
    bias = 0.0 if classifier.bias is None else classifier.bias.detach().double()[present]
    place = present.cumsum(dim=0) - 1
    within, differ = torch.zeros_like(centre[0]), torch.zeros_like(place[0])
    for features, labels in batches():
        moved = features.double() - centre
        within += ((moved - means[place[labels]]) @ whitening).square().sum()
        nearest = (means.square().sum(dim=1) - 2 * moved @ means.T).argmin(dim=1)
        chosen = (features.double() @ rows.T + bias).argmax(dim=1)
        differ += (nearest != chosen).sum()
    count = counts.sum()
    return Geometry(means, rows, (within / count).item(), (differ / count).item())


def _class_sums(batches: Iterable[tuple[Tensor, Tensor]], like: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of features `K x d` and numbers of images `(K,)`; a product adds in the same order each time."""
    sums, counts = torch.zeros_like(like), torch.zeros_like(like[:, 0])
    for features, labels in batches:
        rows = functional.one_hot(labels, len(like)).double()
        sums += rows.T @ features.double()
        counts += rows.sum(dim=0)
    return sums, counts


def _whitening(means: Tensor, rounding: Tensor) -> Tensor | None:
    """`d x r`, the root of the pseudo-inverse of the covariance between classes; None where there is none."""
    if not bool(means.isfinite().all()):
        return None
    _, sizes, directions = torch.linalg.svd(means, full_matrices=False)
    kept = sizes > torch.maximum(_SMALLEST * sizes[0], rounding)
    if not bool(kept.any()):
        return None
    whitening: Tensor = directions[kept].T * (math.sqrt(len(means)) / sizes[kept])
    return whitening


def _from_simplex(products: Tensor) -> float:
    """Frobenius distance of a `K x K` matrix, scaled to norm 1, from that of a simplex's corners."""
    count = len(products)
    simplex = torch.eye(count).to(products) - 1 / count
    return float((products / products.norm() - simplex / simplex.norm()).norm())
