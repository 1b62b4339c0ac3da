"""Cluster profiles: what they allow, and how a machine is shared out."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.compute.profiles import (
    CLUSTERS,
    AddressProfile,
    DebugProfile,
    Layout,
    LocalProfile,
    load_profile,
    profile_schema,
)
from automix_search.documents import parse_yaml, to_yaml
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.presets import find_preset, list_presets
from automix_search.validation import dump

HEAD = "format: automix-search/cluster/1\n"


def read(text):
    return load_profile(parse_yaml(HEAD + text, "c.yaml"))


def test_there_is_a_preset_of_every_kind_and_each_is_valid():
    presets = list_presets("cluster")
    kinds = {kind_of(type(load_profile(preset.document()))) for preset in presets}
    assert kinds == set(CLUSTERS.kinds()) == {"debug", "local", "address"}


def test_a_preset_says_no_more_than_the_defaults():
    assert load_profile(find_preset("cluster", "local").document()) == LocalProfile()
    assert load_profile(find_preset("cluster", "address").document()) == AddressProfile()


@pytest.mark.parametrize("profile", [DebugProfile(), LocalProfile(workers=3), AddressProfile(address="h:1")])
def test_a_profile_comes_back_from_its_file(tmp_path, profile):
    (tmp_path / "c.yaml").write_text(to_yaml(dump(profile)))
    assert load_profile(tmp_path / "c.yaml") == profile


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: locl", "c.yaml:2 kind: unknown cluster profile `locl`; did you mean `local`?"),
        ("{}", "is not YAML"),
        ("workers: 2", "c.yaml does not say its `kind`: one of address, debug, local"),
        ("kind: local\nworkers: 0", "c.yaml:3 workers: must be greater than or equal to 1, but got 0"),
        ("kind: local\nworker: 2", "c.yaml:3 worker: unknown field `worker`; did you mean `workers`?"),
        ("kind: local\nobject_store_gb: 0", "must be greater than 0, but got 0"),
        ("kind: debug\nworkers: 2", "unknown field `workers`"),
        ("kind: address\naddress: ray://head:10001", "is a Ray Client address"),
        ("kind: address\naddress: head", "`head` is not the address of a Ray cluster"),
    ],
)
def test_mistakes_get_their_place_and_what_is_allowed(text, said):
    with pytest.raises(InputError) as error:
        read(text)
    assert said in str(error.value)


def test_another_format_is_refused():
    with pytest.raises(InputError, match="a cluster file says `format: automix-search/cluster/1`"):
        load_profile(parse_yaml("format: automix-search/space/1\nkind: debug", "c.yaml"))


@pytest.mark.parametrize(
    ("profile", "machine", "layout"),
    [
        (LocalProfile(), {"cores": 8}, Layout(8, 1)),
        (LocalProfile(), {"cores": 8, "cpus": 3}, Layout(2, 4)),
        (LocalProfile(), {"cores": 2, "cpus": 0.5}, Layout(2, 1)),
        (LocalProfile(), {"cores": 8, "gpus": 0.5, "machine_gpus": 2}, Layout(4, 2)),
        (LocalProfile(), {"cores": 8, "gpus": 1, "machine_gpus": 1}, Layout(1, 8)),
        (LocalProfile(workers=2), {"cores": 8}, Layout(2, 4)),
        (LocalProfile(threads_per_worker=4), {"cores": 8}, Layout(2, 4)),
        (LocalProfile(workers=1, threads_per_worker=3), {"cores": 8}, Layout(1, 3)),
    ],
)
def test_a_machine_is_shared_out(profile, machine, layout):
    assert profile.layout(**machine) == layout


@given(
    cores=st.integers(1, 128),
    cpus=st.floats(0, 16),
    machine_gpus=st.integers(0, 8),
    gpus=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    workers=st.none() | st.integers(1, 40),
    threads=st.none() | st.integers(1, 40),
)
def test_no_layout_takes_more_than_there_is(cores, cpus, machine_gpus, gpus, workers, threads):
    profile = LocalProfile(workers=workers, threads_per_worker=threads)
    try:
        layout = profile.layout(cores, cpus, gpus, machine_gpus)
    except InputError:
        return
    assert layout.workers >= 1 <= layout.threads
    assert layout.workers * layout.threads <= cores
    assert layout.workers * cpus <= cores
    assert layout.workers * gpus <= machine_gpus
    assert workers in (None, layout.workers)
    assert threads in (None, layout.threads)


@pytest.mark.parametrize(
    ("profile", "machine", "said"),
    [
        (LocalProfile(), {"cores": 2, "cpus": 4}, "asks for 4 cores and 0 GPUs, but"),
        (LocalProfile(), {"cores": 2, "gpus": 0.5}, "this machine has 2 and 0"),
        (LocalProfile(workers=3), {"cores": 2}, "at most 2 fit"),
        (LocalProfile(threads_per_worker=3), {"cores": 2}, "at most 0 fit"),
        (LocalProfile(workers=2, threads_per_worker=2), {"cores": 3}, "at most 1 fit"),
    ],
)
def test_more_than_a_machine_has_is_refused(profile, machine, said):
    with pytest.raises(InputError) as error:
        profile.layout(**machine)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("address", "environment", "found"),
    [
        ("10.0.0.1:6379", {"RAY_ADDRESS": "other:1"}, "10.0.0.1:6379"),
        (None, {"RAY_ADDRESS": "head.local:6379"}, "head.local:6379"),
        ("auto", {}, "auto"),
        ("[fd00::1]:6379", {}, "[fd00::1]:6379"),
    ],
)
def test_the_address_is_the_files_or_the_environments(address, environment, found):
    assert AddressProfile(address=address).resolve(environment) == found


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "set `address: host:port`"),
        ({"RAY_ADDRESS": ""}, "RAY_ADDRESS in the environment"),
        ({"RAY_ADDRESS": "ray://x:10001"}, "RAY_ADDRESS: `ray://x:10001` is a Ray Client address"),
    ],
)
def test_without_an_address_one_sentence_says_how_to_give_one(environment, said):
    with pytest.raises(InputError) as error:
        AddressProfile().resolve(environment)
    assert said in str(error.value)


def test_the_json_schema_holds_for_all_presets_and_refuses_mistakes():
    schema = profile_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for preset in list_presets("cluster"):
        validator.validate(preset.document().tree)
    for mistake in ({"workers": 0}, {"worker": 1}, {"kind": "locl"}):
        tree = {"format": "automix-search/cluster/1", "kind": "local"} | mistake
        assert not validator.is_valid(tree), mistake
    assert not validator.is_valid({"kind": "local"})
