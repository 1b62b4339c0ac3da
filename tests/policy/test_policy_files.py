"""Policies as YAML files."""

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_search.documents import Document, parse_yaml
from automix_search.errors import InputError
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.policy import Policy, Provenance, Score, load_policy, read_policy, save_policy
from automix_search.spaces import load_space
from automix_search.validation import dump

CNN = load_space(Path(__file__).parents[2] / "search_spaces" / "cnn-static.yaml")


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_policy_reads_back_as_it_was_dumped(seed):
    policy = CNN.fill(CNN.random_params(random.Random(seed))).policy
    assert read_policy(Document(dump(policy), "x")) == policy


def test_a_saved_policy_is_a_plain_file_with_everything_in_it(tmp_path):
    policy = Policy.model_validate({"mix": {"kind": "cutmix", "alpha": 0.5}})
    path = tmp_path / "policy.yaml"
    save_policy(policy, path)
    assert load_policy(path) == policy
    tree = yaml.safe_load(path.read_text())
    assert next(iter(tree)) == "format"
    assert tree["format"] == "automix-search/policy/1"
    assert tree["loss"] == {"kind": "soft_cross_entropy", "smoothing": 0.0}


def test_provenance_is_kept(tmp_path):
    score = Score(metric="accuracy", split="test", mean=0.93, standard_error=0.004, seeds=(1, 2, 3))
    provenance = Provenance(
        run="first", trial="7", data={"name": "digits"}, score=score, baselines={"none": score}
    )
    save_policy(Policy(provenance=provenance), tmp_path / "policy.yaml")
    assert load_policy(tmp_path / "policy.yaml").provenance == provenance


def test_a_method_of_the_users_own_is_named_on_reading(tmp_path):
    class MyMix(CutMix):
        kind: str = "my_mix"

    policy = Policy.model_validate({"mix": {"kind": "my_mix", "alpha": 0.3}}, context={"methods": (MyMix,)})
    save_policy(policy, tmp_path / "policy.yaml")
    assert load_policy(tmp_path / "policy.yaml", methods=(MyMix,)) == policy
    with pytest.raises(InputError, match="unknown mixing method `my_mix`"):
        load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mix: {kind: cutmix}", "does not say what it is"),
        ("format: automix-search/policy/7", "newer automix-search"),
        ("format: automix-search/space/1", "a policy file says"),
        (
            "format: automix-search/policy/1\nmix: {kind: cutmix, alpha: {range: [0, 1]}}",
            "my.yaml:2 mix.alpha",
        ),
        ("format: automix-search/policy/1\nlearned: {kind: magic}", "my.yaml:2 learned"),
    ],
)
def test_what_is_no_policy_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        read_policy(parse_yaml(text, "my.yaml"))
    assert said in str(caught.value)
