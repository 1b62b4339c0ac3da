"""What every loss keeps to: passes as told, gradients where promised, full precision, one file form."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from loss_steps import CLASSES, SIZE, network, pictures
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.losses import LOSSES, AbstractLoss, AbstractTargetLoss
from automix_search.policy import Augmenter, ImageSpec, Policy
from automix_search.ranges import Range, declared_range
from automix_search.signals import Need
from automix_search.validation import dump

MEMBERS: tuple[Any, ...] = LOSSES.members
members = pytest.mark.parametrize("member", MEMBERS, ids=kind_of)
wide = pytest.mark.parametrize(
    "member", [each for each in MEMBERS if not issubclass(each, AbstractTargetLoss)], ids=kind_of
)
CUTMIX = {"kind": "cutmix", "per": "sample", "partner": {"kind": "roll"}}
MIXES = {
    "none": {"kind": "none"},
    "mixup": {"kind": "mixup"},
    "cutmix": CUTMIX,
    "half": {**CUTMIX, "probability": 0.5},
}
PLAIN = ImageSpec(3, SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def classes(count: int = 6) -> Tensor:
    return torch.arange(count) % CLASSES


def augmenter(
    loss: AbstractLoss, model: nn.Module, mix: Any = None, teacher: nn.Module | None = None, seed: int = 0
) -> Augmenter:
    policy = Policy(mix=mix or CUTMIX, loss=loss, transform={"batch": [{"kind": "hflip"}]})
    taught = Need.TEACHER in loss.needs()
    torch.manual_seed(5)
    return policy.build(
        num_classes=CLASSES,
        input=PLAIN,
        model=model,
        teacher=(teacher or network(7)) if taught else None,
        generator=Generator().manual_seed(seed),
    )


@contextmanager
def counted(*models: nn.Module | None) -> Iterator[list[int]]:
    """Items that go through the models in this context."""
    seen: list[int] = []
    handles = [
        model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        for model in models
        if model is not None
    ]
    yield seen
    for handle in handles:
        handle.remove()


@members
def test_passes_are_as_many_as_it_says(member: type[AbstractLoss]) -> None:
    for loss in variants(member):
        model = network()
        built = augmenter(loss, model)
        with counted(model, built.teacher) as seen:
            built.loss(model, pictures(), classes())
        assert sum(seen) == 6 * (1 + loss.extra_passes()[0])


@members
def test_backward_passes_are_as_many_as_it_says(member: type[AbstractLoss]) -> None:
    for loss in variants(member):
        model, seen = network(), list[int]()
        built = augmenter(loss, model)
        first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
        first.register_full_backward_pre_hook(lambda _, outputs, seen=seen: seen.append(len(outputs[0])))
        built.loss(model, pictures(), classes()).backward()  # type: ignore[no-untyped-call]
        assert sum(seen) == 6 * (1 + loss.extra_passes()[1])


def variants(member: type[AbstractLoss]) -> list[AbstractLoss]:
    """The loss as it is, and with each value of each of its choices."""
    found = [member()]
    for name, field in member.model_fields.items():
        declared = declared_range(field)
        if declared is not None and not isinstance(declared, Range):
            found += [member.model_validate({name: option}) for option in declared.options]
    return found


@members
@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("count", [1, 5])
def test_gradients_reach_the_model_and_the_heads_alone(
    member: type[AbstractLoss], mix: str, count: int
) -> None:
    for loss in variants(member):
        model = network().eval() if count == 1 else network()
        built = augmenter(loss, model, MIXES[mix])
        value = built.loss(model, pictures(count), classes(count))
        assert value.dtype == torch.float32
        assert value.ndim == 0
        value.backward()  # type: ignore[no-untyped-call]
        for name, item in model.named_parameters():
            assert item.grad is not None, name
            assert item.grad.isfinite().all()
        assert any(item.grad.abs().sum() > 0 for item in model.parameters() if item.grad is not None)
        if built.teacher is not None:
            assert all(item.grad is None for item in built.teacher.parameters())


@members
def test_under_autocast_the_loss_is_finite_and_full_precision(member: type[AbstractLoss]) -> None:
    model = network()
    built = augmenter(member(), model)
    with torch.autocast("cpu", torch.bfloat16):
        loss = built.loss(model, pictures(), classes())
    loss.backward()  # type: ignore[no-untyped-call]
    model = network()
    exact = augmenter(member(), model).loss(model, pictures(), classes())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, atol=0.15, rtol=0.1)


@members
def test_same_seed_same_loss(member: type[AbstractLoss]) -> None:
    values = []
    for seed in (1, 1, 2):
        model = network()
        values.append(augmenter(member(), model, seed=seed).loss(model, pictures(), classes()).item())
    assert values[0] == values[1]
    assert values[0] != values[2]


@members
def test_neither_images_nor_labels_are_written_to(member: type[AbstractLoss]) -> None:
    model, images, rows = network(), pictures(), torch.eye(CLASSES)[classes()]
    before = images.clone(), rows.clone()
    augmenter(member(), model).loss(model, images, rows)
    assert torch.equal(images, before[0])
    assert torch.equal(rows, before[1])


@members
def test_smoothing_matters(member: type[AbstractLoss]) -> None:
    values = []
    for smoothing in (0.0, 0.2):
        model = network()
        loss = member.model_validate({"smoothing": smoothing, **STRICT.get(kind_of(member), {})})
        values.append(augmenter(loss, model).loss(model, pictures(), classes()).item())
    assert values[0] != values[1]


STRICT = {"ferkd": {"context": 1.0, "lowest": 0.0}}
"""Fields by which labels, and so smoothing, count at all."""


@members
def test_teaches(member: type[AbstractLoss]) -> None:
    model = network()
    loss = member.model_validate(STRICT.get(kind_of(member), {}))
    teacher = taught_teacher() if Need.TEACHER in loss.needs() else None
    built = augmenter(loss, model, {"kind": "mixup", "alpha": 0.2}, teacher)
    groups = [{"params": list(model.parameters())}, *built.param_groups()]
    optimizer = torch.optim.Adam(groups, lr=0.02)
    for _ in range(50):
        optimizer.zero_grad()
        built.loss(model, pictures(10), classes(10)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    right = sum(float((model(view).argmax(1) == classes(10)).float().mean()) for view in both_flips()) / 2
    assert right >= 0.7


def both_flips() -> tuple[Tensor, Tensor]:
    return pictures(10), pictures(10).flip(3)


def taught_teacher() -> nn.Module:
    """A network that knows the pictures."""
    model = network(7)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    images = torch.cat(both_flips())
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), classes(10).repeat(2)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


@members
def test_heads_are_trained_and_remembered(member: type[AbstractLoss]) -> None:
    loss, model = member(), network()
    built = augmenter(loss, model)
    if not loss.has_heads:
        assert built.param_groups() == []
        return
    (group,) = built.param_groups()
    built.loss(model, pictures(), classes())
    with torch.no_grad():
        for item in group["params"]:
            item.add_(1)
    other = augmenter(loss, model)
    other.load_state_dict(built.state_dict())
    (again,) = other.param_groups()
    assert all(torch.equal(one, two) for one, two in zip(group["params"], again["params"], strict=True))


@members
def test_heads_need_the_model(member: type[AbstractLoss]) -> None:
    if member.has_heads:
        with pytest.raises(InputError, match="has layers of its own: give the model"):
            Policy(loss=member()).build(num_classes=3)


@wide
def test_a_wide_loss_says_what_to_call(member: type[AbstractLoss]) -> None:
    with pytest.raises(InputError, match=r"call `augmenter\.loss\(model, x, y\)` instead") as caught:
        augmenter(member(), network())(pictures(), classes())
    assert "\n" not in str(caught.value)


@members
def test_teachers_are_asked_for(member: type[AbstractLoss]) -> None:
    if Need.TEACHER in member().needs():
        with pytest.raises(InputError, match="needs a teacher: name one under `teacher:`"):
            Policy(loss=member()).build(num_classes=CLASSES, model=network())
        with pytest.raises(InputError, match="the task's 5 classes, but the teacher has 9"):
            augmenter(member(), network(), teacher=network(num_classes=9))


@members
def test_is_read_back_from_a_file(member: type[AbstractLoss]) -> None:
    policy = Policy(loss=member(smoothing=0.05))
    assert Policy.model_validate(dump(policy)) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy


@members
def test_every_field_can_be_searched(member: type[AbstractLoss]) -> None:
    for name, field in member.model_fields.items():
        if name == "kind":
            continue
        declared = declared_range(field)
        assert field.description or not isinstance(declared, Range), f"`{name}` needs a description"
        assert declared is not None, f"`{name}` needs a search range"
        ends = (declared.low, declared.high) if isinstance(declared, Range) else declared.options
        for value in ends:
            member.model_validate({name: value})
        assert member.model_fields[name].description


@members
def test_says_where_it_comes_from(member: type[AbstractLoss]) -> None:
    text = member.__doc__ or ""
    assert text.strip()
    assert kind_of(member).isidentifier()
    assert "Reference:" in text or kind_of(member) == "soft_cross_entropy"


@members
def test_goes_on_exactly_where_it_stopped(member: type[AbstractLoss]) -> None:
    model = network().eval()
    first = augmenter(member(), model)
    first.loss(model, pictures(), classes())
    state = pickle.loads(pickle.dumps(first.state_dict()))
    wanted = first.loss(model, pictures(), classes())
    other = augmenter(member(), model, seed=9)
    other.load_state_dict(state)
    assert torch.equal(other.loss(model, pictures(), classes()), wanted)
