"""Tables of operations: how many are applied, which, how strongly, and how that changes with progress."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from automix_search.documents import Document
from automix_search.presets import find_preset
from automix_search.schedules import Knots
from automix_search.spaces import Space, read_space
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.operation_table import OperationTable, TableEntry
from automix_search.transforms.operations import NAMES


def entry(op: str, probability: float, magnitude: float = 0.0, **more: object) -> TableEntry:
    """A line of a table, in short."""
    tree = {"op": op, "probability": probability, "magnitude": magnitude, **more}
    return TableEntry.model_validate(tree)


def shipped() -> Space:
    """PBA's space."""
    return read_space(find_preset("space", "pba").document())


def filled(value: float) -> OperationTable:
    """PBA's table with one value everywhere."""
    space = shipped()
    point = {parameter.name: value for parameter in space.parameters}
    (table,) = space.fill(point).policy.transform.batch
    assert isinstance(table, OperationTable)
    return table


def test_the_shipped_table_is_the_papers() -> None:
    table = filled(0.0)
    ops = [line.op for line in table.operations]
    assert ops[::2] == ops[1::2]
    assert " ".join(ops[::2]) == (
        "rotate translate_x translate_y brightness color invert sharpness posterize shear_x solarize shear_y "
        "equalize autocontrast cutout contrast"
    )
    assert table.counts == (0.2, 0.3, 0.5)
    assert len(shipped().parameters) == 54  # 60, less two magnitudes of each of three operations without one


def test_a_table_of_zeros_is_no_augmentation() -> None:
    images = some_images((64, 3, 9, 14), torch.uint8)
    assert torch.equal(filled(0.0)(images, 0.5, seeded()), images)


def test_zero_magnitude_is_no_augmentation_where_there_is_one() -> None:
    images = some_images((64, 3, 9, 14), torch.uint8)
    plain = ("invert", "equalize", "autocontrast", "solarize")
    lines = [line for line in filled(0.9).operations if line.op not in plain]
    table = OperationTable(operations=tuple(entry(line.op, 1.0) for line in lines))
    assert torch.equal(table(images, 0.5, seeded()), images)


@pytest.mark.parametrize("probability", [1.0, 0.1])
def test_at_most_so_many_are_applied(probability: float) -> None:
    """With certain operations, 1.3 of them on average: 0.3 + 2 x 0.5."""
    table = OperationTable(operations=tuple(entry(name, probability) for name in NAMES))
    (_, first), (_, second) = table.draw(20_000, seeded())
    assert not (second & ~first).any()
    none, one = (1 - probability) ** 16, 16 * probability * (1 - probability) ** 15
    assert first.float().mean() == pytest.approx(0.8 * (1 - none), abs=0.015)
    assert second.float().mean() == pytest.approx(0.5 * (1 - none - one), abs=0.015)
    if probability == 1:
        assert (first.float() + second.float()).mean() == pytest.approx(1.3, abs=0.02)


def test_every_entry_has_its_turn_once_and_in_any_order() -> None:
    table = OperationTable(operations=tuple(entry("invert", 1.0) for _ in range(5)), counts=(0.0, 0.0, 1.0))
    (first, _), (second, _) = table.draw(20_000, seeded(1))
    assert not (first == second).any()
    pairs = (first * 5 + second).bincount(minlength=25).view(5, 5)
    expected = (1 - torch.eye(5)) * 20_000 / 20
    assert (pairs.diag() == 0).all()
    off = expected > 0
    assert ((pairs[off] - expected[off]) ** 2 / expected[off]).sum() < 44  # chi-squared, 19 degrees, 0.1%


def test_every_entry_has_a_probability_and_a_magnitude_of_its_own() -> None:
    lines = (entry("solarize_add", 0.6, 0.5), entry("solarize_add", 0.2, 0.1))
    out = OperationTable(operations=lines, counts=(0.0, 1.0))(torch.zeros(20_000, 1, 1, 1), 0.5, seeded())
    added = (out.flatten() * 255 / 11).round().long().bincount(minlength=6) / 20_000
    first, second = 0.6 * (1 + 0.8) / 2, 0.2 * (1 + 0.4) / 2  # the one that comes first may take the place
    expected = torch.tensor([0.4 * 0.8, second, 0, 0, 0, first])
    torch.testing.assert_close(added, expected, atol=0.012, rtol=0)


@pytest.mark.parametrize(("op", "side"), [("translate_x", 64), ("translate_y", 32)])
def test_the_furthest_shift_is_ten_of_32_pixels(op: str, side: int) -> None:
    ramp = (
        torch.arange(64.0).expand(32, 64)
        if op == "translate_x"
        else torch.arange(32.0)[:, None].expand(32, 64)
    )
    images = (ramp / 64)[None, None].expand(40, 1, 32, 64).contiguous()
    out = OperationTable(operations=(entry(op, 1.0, 1.0),), counts=(0.0, 1.0))(images, 0.5, seeded())
    middle = (out - images)[:, 0, 16, 32] * 64
    torch.testing.assert_close(middle.abs(), torch.full((40,), side * 10 / 32), atol=0.01, rtol=0)
    assert middle.min() < 0 < middle.max()


def test_cutout_covers_a_square_about_any_pixel() -> None:
    table = OperationTable(operations=(entry("cutout", 1.0, 0.5),), counts=(0.0, 1.0))
    out = table(torch.ones(4000, 1, 16, 24), 0.5, seeded())
    sides = [(out == 0).any(dim=axis).sum(dim=-1).squeeze(1) for axis in (2, 3)]
    assert [int(side.max()) for side in sides] == [5, 5]  # half of 20/32 of 16 pixels
    often = (out == 0).float().mean(dim=0)
    torch.testing.assert_close(often, often.flip(1, 2), atol=0.03, rtol=0)
    assert often.min() > 0
    assert ((out == 0).sum(dim=(1, 2, 3)) == sides[0] * sides[1]).all()


def test_entries_follow_their_schedules() -> None:
    rise = Knots(progress=(0.0, 0.5), factors=(0.0, 1.0))
    line = TableEntry(op="solarize_add", probability=1.0, magnitude=1.0, field_schedules={"magnitude": rise})
    table = OperationTable(operations=(line,), counts=(0.0, 1.0))
    black = torch.zeros(5, 1, 1, 1)
    found = [float(table(black, progress, seeded())[0]) * 255 for progress in (0.0, 0.25, 0.5, 1.0)]
    assert found == pytest.approx([0.0, 55.0, 110.0, 110.0], abs=0.1)
    often = TableEntry(op="invert", probability=0.8, field_schedules={"probability": rise})
    inverted = OperationTable(operations=(often,), counts=(0.0, 1.0))(
        torch.zeros(20_000, 1, 1, 1), 0.25, seeded()
    )
    assert inverted.mean() == pytest.approx(0.4, abs=0.015)


@pytest.mark.parametrize("counts", [(0.5, 0.6), (-0.5, 1.5), (0.5,)])
def test_counts_are_chances(counts: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="`counts` must be chances that add up to 1"):
        OperationTable(counts=counts)


def test_an_operation_that_is_none() -> None:
    tree = {"transform": {"batch": [{"kind": "operation_table", "operations": [{"op": "zoom"}]}]}}
    with pytest.raises(Exception, match="zoom"):
        read_space(Document({"format": "automix-search/space/1", **tree}, "mine")).fill({})
