"""What a policy learned, in a file beside it: read back in another program, frozen, to go on, or afresh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save
from torch import Generator

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned import StepContext, Trunk
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy, Transform, load_policy, save_policy
from automix_search.policy.learned_file import as_learned, pack, read_learned, unpack
from automix_search.randomness import Randomness
from automix_search.transforms import AbstractBatchTransform

SPEC = ImageSpec(1, (8, 8), (0.5,), (0.3,))
INPUTS = torch.randint(256, (16, 1, 8, 8), generator=Generator().manual_seed(0), dtype=torch.uint8)
LABELS = torch.arange(16) % 4

AUGMENT = f"""
import sys, torch
from torch import Generator
from automix_search import ImageSpec, load_policy
inputs = torch.randint(256, (16, 1, 8, 8), generator=Generator().manual_seed(0), dtype=torch.uint8)
policy = load_policy(sys.argv[1])
augment = policy.build(num_classes=4, input={SPEC!r}, generator=Generator().manual_seed(7))
torch.save(augment(inputs, torch.arange(16) % 4, 0.6), sys.argv[2])
"""


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    """A policy file with what a few steps taught it."""
    policy = Policy.model_validate(
        {"transform": {"batch": [{"kind": "random_crop", "padding": 1}]}, "learned": {"kind": "ct_augment"}}
    )
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    augmenter = policy.build(num_classes=4, input=SPEC, model=model, generator=Generator().manual_seed(1))
    for epoch in range(4):
        augmenter.begin_epoch(epoch / 4)
        augmenter.loss(model, INPUTS, LABELS, epoch / 4).backward()
        optimizer.step()
        augmenter.update(StepContext(model, optimizer, (INPUTS, LABELS), None, epoch / 4))
    (tmp_path / "raw").write_bytes(pack(augmenter.learner, None))
    spec = as_learned(policy.learned, tmp_path / "raw")
    save_policy(policy.model_copy(update={"learned": spec}), tmp_path / "policy.yaml")
    return tmp_path / "policy.yaml"


def test_another_process_augments_bit_for_bit_alike(learned: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", AUGMENT, learned, tmp_path / name], check=True)
    here = load_policy(learned).build(num_classes=4, input=SPEC, generator=Generator().manual_seed(7))
    wanted = here(INPUTS, LABELS, 0.6)
    for name in ("first", "second"):
        for found, tensor in zip(torch.load(tmp_path / name), wanted, strict=True):
            assert torch.equal(found, tensor)


def test_the_two_files_may_be_moved_together(learned: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").unlink()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in (learned, learned.with_suffix(".safetensors")):
        file.rename(moved / file.name)
    policy = load_policy(moved / learned.name)
    assert policy.learned.frozen
    save_policy(policy, tmp_path / "copy.yaml")
    assert "file: copy.safetensors" in (tmp_path / "copy.yaml").read_text()
    again = load_policy(tmp_path / "copy.yaml")
    first, second = (read_learned(each.learned.weights).tensors for each in (policy, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_its_weights_file_it_fails_with_one_sentence(learned: Path) -> None:
    learned.with_suffix(".safetensors").unlink()
    with pytest.raises(
        InputError, match=r"^cannot read what the policy learned, .*policy.safetensors: No such file"
    ):
        load_policy(learned)


def test_a_file_that_was_tampered_with_is_refused(learned: Path) -> None:
    weights = learned.with_suffix(".safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(
        InputError, match=r"is not the file that this policy was saved with: its hash differs"
    ):
        load_policy(learned)


def test_weights_that_are_exchanged_after_loading_are_refused(learned: Path) -> None:
    policy = load_policy(learned)
    learned.with_suffix(".safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match="its hash differs"):
        policy.build(num_classes=4, input=SPEC)


def test_weights_of_another_policy_are_refused(learned: Path) -> None:
    text = learned.read_text().replace("  - shear_y\n", "")
    learned.write_text(text)
    with pytest.raises(InputError, match=r"the weights are of another policy: .*rates"):
        load_policy(learned).build(num_classes=4, input=SPEC)


def test_it_goes_on_learning_or_learns_afresh(learned: Path) -> None:
    model = build_model(ModelSpec(name="small_cnn"), channels=1, size=(8, 8), num_classes=4)
    start = torch.ones(14, 17)
    on, afresh = (load_policy(learned, learned=reuse) for reuse in ("continue", "afresh"))
    goes_on = on.build(num_classes=4, input=SPEC, model=model).learner
    begins = afresh.build(num_classes=4, input=SPEC, model=model).learner
    assert not goes_on.frozen
    assert not torch.equal(goes_on.rates, start)
    assert torch.equal(begins.rates, start)
    assert afresh.learned.weights is None


def test_frozen_without_weights_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`frozen` keeps what was learned: give its `weights`"):
        Policy.model_validate({"learned": {"kind": "ct_augment", "frozen": True}})
    save_policy(Policy.model_validate({"learned": {"kind": "ct_augment"}}), tmp_path / "new.yaml")
    with pytest.raises(InputError, match="has learned nothing yet"):
        load_policy(tmp_path / "new.yaml", learned="frozen")


def test_what_it_does_on_average_comes_after_its_own_transforms(learned: Path) -> None:
    static = load_policy(learned).static()
    assert static.learned is None
    assert [transform.kind for transform in static.transform.batch] == [
        "random_crop",
        "sub_policies",
        "sub_policies",
    ]
    with pytest.raises(InputError, match="holds nothing learned"):
        static.static()


def test_the_course_of_learning_is_in_the_file(learned: Path) -> None:
    history = read_learned(load_policy(learned).learned.weights).history
    assert [moment["progress"] for moment in history] == [0, 0.25, 0.5, 0.75, 1]
    assert history[0]["magnitude"]["rotate"] == pytest.approx(0.5)
    assert history[-1]["magnitude"] != history[0]["magnitude"]


class Still(AbstractBatchTransform):
    """Of the user's own; changes nothing."""

    kind: Literal["still"] = "still"

    def transform(self, images: torch.Tensor, random: Randomness) -> torch.Tensor:
        return images


def test_methods_of_ones_own_stay_in_what_it_does_on_average(learned: Path) -> None:
    policy = load_policy(learned)
    own = policy.model_copy(update={"transform": Transform(batch=(Still(),))})
    assert [transform.kind for transform in own.static().transform.batch] == ["still"] + 2 * ["sub_policies"]


def test_an_average_that_is_no_policy_is_refused_with_one_sentence(learned: Path) -> None:
    policy = load_policy(learned)
    wrong = policy.learned.model_copy(update={"marginal": {"mix": {"kind": "nonsense"}}})
    with pytest.raises(InputError, match=r"^`learned\.marginal`.*unknown mixing method `nonsense`"):
        policy.model_copy(update={"learned": wrong}).static()


def test_a_network_to_look_with_is_no_weights(learned: Path) -> None:
    policy = load_policy(learned)
    trunk = Trunk(
        model=ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=4, mean=(0.5,), std=(0.3,)
    )
    bare = policy.learned.model_copy(update={"weights": None, "trunk": trunk})
    with pytest.raises(InputError, match="`frozen` keeps what was learned: give its `weights`"):
        policy.model_copy(update={"learned": bare}).build(num_classes=4, input=SPEC)


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ('{"format": "automix-search/learned/9"}', "is `automix-search/learned/9`"),
        ("{}", "holds nothing that a policy learned"),
        ("[]", "holds nothing that a policy learned"),
        ('{"format": "automix-search/learned/1"}', "holds nothing that a policy learned"),
        (
            '{"format": "automix-search/learned/1", "history": [], "marginal": {}, "trunk": {"x": 1}}',
            "holds nothing that a policy learned",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_with_one_line(about: str, sentence: str) -> None:
    content = save({"rates": torch.ones(2)}, {"about": about})
    with pytest.raises(InputError, match=sentence) as error:
        unpack(content, "file")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
