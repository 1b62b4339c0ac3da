"""Files that a tree names along with their hash."""

from __future__ import annotations

from pathlib import Path

from automix_search.documents import read_yaml
from automix_search.hashed_files import found_from, hashed_files, renamed, seen_from

TREE = {
    "learned": {
        "choice": [None, {"kind": "ct_augment", "weights": {"file": "a.safetensors", "sha256": "1"}}]
    },
    "weights": "start.safetensors",
    "more": (
        {"sha256": "2", "file": "/far/b"},
        {"file": "c", "sha256": "3", "size": 1},
        {"file": 4, "sha256": "5"},
    ),
}


def test_only_a_file_with_its_hash_and_no_more_is_one() -> None:
    assert list(hashed_files(TREE)) == [("a.safetensors", "1"), ("/far/b", "2")]
    again = renamed(TREE, lambda file, sha256: f"{sha256}.{Path(file).name}")
    assert list(hashed_files(again)) == [("1.a.safetensors", "1"), ("2.b", "2")]
    assert again["weights"] == "start.safetensors"
    assert again["more"][1:] == [TREE["more"][1], TREE["more"][2]]
    assert list(again["more"][0]) == ["sha256", "file"]


def test_what_is_found_from_a_folder_is_seen_from_it_again(tmp_path: Path) -> None:
    found = found_from(TREE, tmp_path / "here")
    assert [file for file, _ in hashed_files(found)] == [str(tmp_path / "here" / "a.safetensors"), "/far/b"]
    assert list(hashed_files(seen_from(found, tmp_path / "here"))) == list(hashed_files(TREE))
    assert [file for file, _ in hashed_files(seen_from(found, tmp_path))] == ["here/a.safetensors", "/far/b"]


def test_a_yaml_file_names_them_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(
        "learned: {weights: {file: a.safetensors, sha256: '1'}}\nweights: b\n"
    )
    document = read_yaml(tmp_path / "space.yaml")
    assert list(hashed_files(document.tree)) == [(str(tmp_path / "a.safetensors"), "1")]
    assert document.tree["weights"] == "b"
    assert document.lines["weights",] == 2
