"""`automix-search methods` tells what the classes say."""

from __future__ import annotations

import json
from typing import Annotated, Literal, get_args

import pytest
from pydantic import Field

from automix_search.cli.catalogue import FAMILIES, catalogue, describe_member, read_docstring
from automix_search.families import Family, Spec, kind_of
from automix_search.metrics import METRICS
from automix_search.policy import Policy
from automix_search.ranges import Range
from automix_search.schema_walk import Position, position_of


class Example(Spec):
    """Does something to images.

    More about it.

    Reference: Someone et al., A Paper about
    Something, 2020.

    Note: not part of the reference.
    """

    kind: Literal["example"] = "example"
    strength: Annotated[float, Range(0.1, 2.0, log=True)] = Field(0.5, gt=0, le=3, description="How much.")
    mode: Literal["soft", "hard"] = "soft"
    sides: tuple[int, ...] = (1, 2)
    scale: tuple[float, float] = (0.5, 1.0)
    rows: tuple[tuple[int, ...], ...] = ()
    modes: tuple[Literal["soft", "hard"], ...] | None = None
    limit: int | None = None
    flag: bool = False
    needed: int


EXAMPLE = describe_member(Family("toy", Example, (Example,)), Example)
FIELDS = {field.name: field for field in EXAMPLE.fields}


def families_of(spec: type[Spec]) -> set[str]:
    """Nouns of all families that can stand somewhere in a spec."""
    found, seen = set[str](), set[type[Spec]]()

    def look(position: Position) -> None:
        if position.family is not None:
            found.add(position.family.noun)
            for member in position.family.members:
                look_into(member)
        elif isinstance(position.annotation, type) and issubclass(position.annotation, Spec):
            look_into(position.annotation)
        else:
            for argument in get_args(position.annotation):
                look(position_of(argument))

    def look_into(member: type[Spec]) -> None:
        if member not in seen:
            seen.add(member)
            for field in member.model_fields.values():
                look(position_of(field.annotation, field))

    look_into(spec)
    return found


def test_every_family_that_a_policy_can_hold_is_listed():
    nouns = families_of(Policy)
    assert len(nouns) >= 7
    assert {family.noun for family in FAMILIES} == nouns | {"mixing switch", "search strategy"}


def test_every_member_has_a_summary_of_one_line():
    entries = catalogue()
    assert len(entries) > 15
    for entry in entries:
        assert entry.summary.endswith("."), entry.kind
        assert "\n" not in entry.summary + entry.reference


def test_the_docstring_gives_summary_and_reference():
    reference = "Someone et al., A Paper about Something, 2020."
    assert read_docstring(Example) == ("Does something to images.", reference)
    assert read_docstring(type("Bare", (), {})) == ("", "")


def test_a_number_tells_default_range_and_limits():
    strength = FIELDS["strength"]
    assert (strength.type, strength.default, strength.description) == ("float", 0.5, "How much.")
    assert strength.range == "0.1 to 2, log"
    assert strength.limits == "> 0, <= 3"


@pytest.mark.parametrize(
    ("name", "type_", "searched"),
    [
        ("mode", "soft or hard", "soft, hard"),
        ("sides", "list of ints", ""),
        ("scale", "[float, float]", ""),
        ("rows", "list of lists of ints", ""),
        ("modes", "list out of soft, hard or null", ""),
        ("limit", "int or null", ""),
        ("flag", "bool", "false, true"),
    ],
)
def test_types_and_ranges_are_written_as_in_files(name, type_, searched):
    assert (FIELDS[name].type, FIELDS[name].range) == (type_, searched)


def test_a_required_field_says_so():
    assert FIELDS["needed"].required
    assert not FIELDS["limit"].required


def test_the_list_names_every_kind(run):
    outcome = run("methods")
    assert outcome.code == 0
    words = outcome.out.split()
    for family in FAMILIES:
        assert family.noun in outcome.out
        assert {kind_of(member) for member in family.members} <= set(words)


def test_one_method_shows_fields_and_source(run):
    out = run("methods", "cutmix").out
    assert "cutmix, a mixing method\nPastes a random rectangle" in out
    assert "Source: Yun et al., CutMix" in out
    assert "alpha float, default 1, >= 0; searched: 0.1 to 4, log" in " ".join(out.split())


def test_json_holds_the_whole_catalogue(run):
    entries = json.loads(run("methods", "--json").out)
    assert {entry["kind"] for entry in entries} == {entry.kind for entry in catalogue()}
    (mixup,) = json.loads(run("methods", "mixup", "--json").out)
    assert mixup["fields"][0] == {
        "name": "alpha",
        "type": "float",
        "required": False,
        "default": 1.0,
        "range": "0.05 to 4, log",
        "limits": ">= 0",
        "description": "The own share is drawn from Beta(alpha, alpha); 0 mixes nothing.",
    }


def test_metrics_are_listed_with_the_way_that_is_better(run):
    out = " ".join(run("methods").out.split())
    assert "metric accuracy Share of right answers" in out
    assert {metric.name for metric in METRICS} <= {entry.kind for entry in catalogue()}
    (found,) = json.loads(run("methods", "ece_ts", "--json").out)
    assert found["family"] == "metric"
    assert found["summary"].endswith("after temperature scaling. Lower is better.")
    assert found["reference"].startswith("Guo et al., On Calibration")


def test_an_unknown_method_gets_the_nearest_name(run):
    outcome = run("methods", "cutmx")
    assert outcome.code == 2
    assert "unknown method `cutmx`; did you mean `cutmix`?" in outcome.err
