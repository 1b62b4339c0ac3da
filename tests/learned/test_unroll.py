"""Virtual steps against real ones, and the gradients through them against differences, in double precision."""

import copy

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.learned import unroll
from automix_search.learned.unroll import at, moved, policy_gradient, virtual_step
from automix_search.models import ModelSpec, build_model

OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 5e-4}),
    "dampened": (torch.optim.SGD, {"momentum": 0.9, "dampening": 0.4, "maximize": True}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 1e-2}),
    "adam": (torch.optim.Adam, {"weight_decay": 1e-2, "betas": (0.8, 0.9)}),
    "amsgrad": (torch.optim.Adam, {"amsgrad": True}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.1}),
}
every = pytest.mark.parametrize("name", OPTIMIZERS)
draws = Generator().manual_seed(3)
IMAGES, LABELS = torch.rand(6, 2, 5, 7, generator=draws), torch.tensor([0, 1, 2, 0, 1, 2])
OTHERS, THEIRS = torch.rand(4, 2, 5, 7, generator=draws), torch.tensor([2, 1, 0, 1])


class ConvBNLinear(nn.Sequential):
    """A convolution, batch statistics, a classifier."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        )


def trained(name, *, steps=3, dtype=torch.float64, lr=0.05):
    """A model and its optimiser after a few real steps; two groups with settings of their own."""
    torch.manual_seed(0)
    model = ConvBNLinear().to(dtype)
    kind, settings = OPTIMIZERS[name]
    first, *rest = model.parameters()
    optimizer = kind(
        [{"params": [first], "lr": lr / 2}, {"params": rest, "weight_decay": 0}], lr=lr, **settings
    )
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(IMAGES.to(dtype)), LABELS).backward()
        optimizer.step()
    return model, optimizer


def inner_of(logits):
    """The loss of a mixture of three images in place of each one, by a global policy of three logits."""

    def loss(run):
        chances, images = logits.softmax(0), IMAGES.to(logits)
        return functional.cross_entropy(
            run(chances[0] * images + chances[1] * images.flip(-1) + chances[2] * (1 - images)), LABELS
        )

    return loss


def clean(dtype):
    """The loss of clean images."""
    return lambda run: functional.cross_entropy(run(OTHERS.to(dtype)), THEIRS)


def really(name, logits):
    """The outer loss after a real step of a copy."""
    model, optimizer = trained(name)
    model.eval()
    optimizer.zero_grad()
    inner_of(logits)(model).backward()
    optimizer.step()
    return clean(torch.float64)(model).item()


def differences(name, logits, step=1e-5):
    """Central differences of the real procedure."""
    rows = torch.eye(len(logits), dtype=torch.float64) * step
    return torch.tensor(
        [(really(name, logits + row) - really(name, logits - row)) / (2 * step) for row in rows],
        dtype=torch.float64,
    )


@every
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_virtual_step_is_a_real_step(name, steps, dtype):
    # Oracle T3.
    model, optimizer = trained(name, steps=steps, dtype=dtype)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))

    def loss(run):
        return functional.cross_entropy(run(OTHERS.to(dtype)), THEIRS)

    found = virtual_step(model, optimizer, loss)
    for name_of, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[0][name_of])
    optimizer.zero_grad()
    loss(model).backward()
    optimizer.step()
    assert found.keys() == dict(model.named_parameters()).keys()
    for name_of, weight in model.named_parameters():
        torch.testing.assert_close(
            found[name_of], weight, atol=1e-6 if dtype == torch.float32 else 1e-12, rtol=0
        )


@every
def test_gradient_through_the_step_is_that_of_the_real_procedure(name):
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, optimizer = trained(name)
    (found,) = policy_gradient(
        "unroll", model.eval(), optimizer, inner_of(logits), clean(torch.float64), [logits]
    )
    assert found.abs().max() > 1e-6
    torch.testing.assert_close(found, differences(name, logits.detach()), atol=1e-9, rtol=1e-4)


@every
def test_finite_differences_come_near_by_the_square_of_the_radius(name, monkeypatch):
    # Oracle T4.
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, optimizer = trained(name)
    given = (model.eval(), optimizer, inner_of(logits), clean(torch.float64), [logits])
    (wanted,) = policy_gradient("unroll", *given)
    errors = []
    for radius in (0.1, 0.01, 0.001):
        monkeypatch.setattr(unroll, "RADIUS", radius)
        errors.append((policy_gradient("finite_difference", *given)[0] - wanted).abs().max().item())
    assert errors[1] < errors[0] / 50
    assert errors[2] < errors[1] / 50
    assert errors[2] < 1e-5 * wanted.abs().max()


def test_alignment_is_the_inner_product_of_both_gradients():
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, optimizer = trained("momentum")
    model.eval()
    weights = list(model.parameters())
    ours = torch.autograd.grad(inner_of(logits)(model), weights, create_graph=True)
    theirs = torch.autograd.grad(clean(torch.float64)(model), weights)
    rates = [0.025] + [0.05] * (len(weights) - 1)
    product = sum(-rate * (one * other).sum() for rate, one, other in zip(rates, ours, theirs, strict=True))
    (wanted,) = torch.autograd.grad(product, logits)
    (found,) = policy_gradient(
        "alignment", model, optimizer, inner_of(logits), clean(torch.float64), [logits]
    )
    torch.testing.assert_close(found, wanted)


def test_alignment_tends_to_the_unrolled_gradient_as_the_rate_falls():
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    ratios = []
    for lr in (0.1, 0.001):
        model, optimizer = trained("sgd", lr=lr)
        given = (model.eval(), optimizer, inner_of(logits), clean(torch.float64), [logits])
        one, other = (policy_gradient(form, *given)[0] for form in ("unroll", "alignment"))
        ratios.append(((one - other).norm() / one.norm()).item())
    assert ratios[1] < ratios[0] / 20 < 0.1


def test_last_layer_is_exact_where_the_trunk_is_frozen():
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, _ = trained("sgd")
    for weight in list(model.parameters())[:-2]:
        weight.requires_grad_(False)
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1)
    given = (model.eval(), optimizer, inner_of(logits), clean(torch.float64), [logits])
    one, other = (policy_gradient(form, *given)[0] for form in ("unroll", "last_layer"))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=0)  # normalised in another order of sums
    assert one.abs().max() > 1e-6


def test_last_layer_moves_the_classifier_only():
    model, optimizer = trained("momentum")
    found = virtual_step(model.eval(), optimizer, clean(torch.float64), only=model[-1])
    assert set(found) == {"5.weight", "5.bias"}


def test_last_layer_is_the_unrolled_step_of_the_classifier_alone():
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, optimizer = trained("sgd", lr=0.1)
    given = (model.eval(), optimizer, inner_of(logits), clean(torch.float64), [logits])
    (found,) = policy_gradient("last_layer", *given)
    alone = torch.optim.SGD(model[-1].parameters(), lr=0.1)
    (wanted,) = policy_gradient("unroll", model, alone, *given[2:])
    (whole,) = policy_gradient("unroll", *given)
    torch.testing.assert_close(found, wanted)
    assert (found - whole).norm() > 0.1 * whole.norm()


@pytest.mark.parametrize("form", ["unroll", "finite_difference"])
def test_weights_that_never_had_a_gradient_do_no_harm_in_adam(form):
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    model, optimizer = trained("adam", steps=0)
    optimizer.param_groups[0]["weight_decay"] = 0
    first = model[0].weight.detach().clone()
    dark = torch.tensor([1.0, 0.0], dtype=torch.float64)[:, None, None]

    def inner(run):
        chances, images = logits.softmax(0), IMAGES.to(logits)
        mixed = chances[0] * images + chances[1] * images.flip(-1) + chances[2] * (1 - images)
        return functional.cross_entropy(run(mixed * dark), LABELS)

    (found,) = policy_gradient(form, model.eval(), optimizer, inner, clean(torch.float64), [logits])
    assert torch.isfinite(found).all()
    assert found.abs().max() > 1e-9
    after = virtual_step(model, optimizer, inner)["0.weight"]
    assert torch.equal(after[:, 1], first[:, 1])


def test_without_the_step_there_is_no_gradient_at_all():
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    model, optimizer = trained("sgd")
    weights = virtual_step(model.eval(), optimizer, inner_of(logits))
    first_order = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    loss = clean(torch.float64)(at(model, first_order))
    (found,) = torch.autograd.grad(loss, logits, allow_unused=True, materialize_grads=True)
    assert found.tolist() == [0, 0, 0]


@pytest.mark.parametrize("form", ["unroll", "finite_difference", "alignment", "last_layer"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_nothing_of_the_model_or_the_optimiser_is_written_to(form, mode):
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    model, optimizer = trained("momentum")
    model.train(mode == "train")
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()["state"]))
    gradients = [one.grad.clone() for one in model.parameters()]
    policy_gradient(form, model, optimizer, inner_of(logits), clean(torch.float64), [logits])
    for found, wanted in zip((model.state_dict(), optimizer.state_dict()["state"]), before, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert all(torch.equal(one.grad, kept) for one, kept in zip(model.parameters(), gradients, strict=True))
    assert logits.grad is None


@pytest.mark.parametrize("form", ["unroll", "finite_difference", "alignment", "last_layer"])
@pytest.mark.parametrize("name", ["tiny_cnn", "tiny_vit", "test_efficientnet"])
def test_real_models_can_be_differentiated_twice(form, name):
    torch.manual_seed(0)
    model = build_model(ModelSpec(name=name), channels=2, size=(32, 32), num_classes=3).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    strength = torch.full((6, 1, 1, 1), 0.5, requires_grad=True)
    images = torch.rand(6, 2, 32, 32, generator=Generator().manual_seed(0))
    (found,) = policy_gradient(
        form,
        model,
        optimizer,
        lambda run: functional.cross_entropy(run(images * strength), LABELS),
        lambda run: functional.cross_entropy(run(images.flip(0)), LABELS),
        [strength],
    )
    assert torch.isfinite(found).all()
    assert (found != 0).all()


def test_an_optimiser_without_a_known_step_is_refused():
    model, _ = trained("sgd")
    optimizer = torch.optim.RMSprop(model.parameters())
    with pytest.raises(InputError, match="only of SGD, Adam and AdamW"):
        moved(model, optimizer, {}, {})
