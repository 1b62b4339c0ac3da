"""Reading and writing YAML: safe, with line numbers, whole or not at all."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automix_search.documents import Document, dotted, parse_yaml, read_yaml, to_yaml, write_atomically
from automix_search.errors import InputError

KEYS = st.text(alphabet="abcdefgh", min_size=1, max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(TREES)
@example("\x85")
@example("1e3")
@example({"a": "x\u2028 y\u2029\ufeff\r\n\x00"})
def test_what_is_written_reads_back(tree):
    assert parse_yaml(to_yaml(tree), "x").tree == tree


@given(TREES)
def test_every_value_has_a_line(tree):
    document = parse_yaml(to_yaml(tree), "x")

    def places(node, path=()):
        yield path
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in pairs:
            yield from places(value, (*path, key))

    assert set(places(tree)) == set(document.lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.5E+2", 150.0),
        ("-2e4", -2e4),
        ("1e-3x", "1e-3x"),
        ("12", 12),
        (".5", 0.5),
        ("'1e-3'", "1e-3"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, value):
    found = parse_yaml(f"a: {text}", "x").tree["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_texts_as_they_are_written():
    assert parse_yaml("{off: 1, 3: 2, 0.50: 3, null: 4}", "x").tree == {
        "off": 1,
        "3": 2,
        "0.50": 3,
        "null": 4,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1, 2", "my.yaml:2 is not YAML"),
        ("a: 1\n b: 2", "my.yaml:2 is not YAML"),
        ("a: 1\n---\nb: 2", "my.yaml:2 is not YAML"),
        ("a: 1\nb: {c: 1,\n    c: 2}", "my.yaml:3 has the key `c` twice"),
        ("a: 1\nb: 2\na: 3", "my.yaml:3 has the key `a` twice"),
        (
            "a: 1\nb: !!python/object/apply:os.system ['true']",
            "my.yaml:2 has the tag `tag:yaml.org,2002:python/object/apply:os.system`",
        ),
        ("a: !mine 3", "my.yaml:1 has the tag `!mine`"),
        ("a: &x {b: 1}\nc: {<<: *x}", "my.yaml:2 uses `<<`"),
        ("a: 2020-13-45", "my.yaml:1 cannot be read"),
        ("a: \x01", "my.yaml is not YAML"),
        ("a: &a [*a]", "my.yaml is nested too deeply, or holds itself"),
        ("[" * 5000, "my.yaml is nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text, said):
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "my.yaml")
    assert str(caught.value).startswith(said)


def test_nothing_in_a_file_is_executed(tmp_path):
    trap = tmp_path / "trap"
    with pytest.raises(InputError):
        parse_yaml(
            f"a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{trap}']]",
            "x",
        )
    assert not trap.exists()


def test_an_empty_file_holds_nothing():
    assert parse_yaml("# only words\n", "x").tree is None


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("mix", "alpha"), "my.yaml:3 mix.alpha"),
        (("mix", "options", 0, "method", "alpha"), "my.yaml:3 mix.alpha"),
        (("mix", "beta"), "my.yaml:1 mix.beta"),
        (("loss",), "my.yaml:1 loss"),
        ((), "my.yaml:1"),
    ],
)
def test_a_place_has_its_line_or_that_of_what_holds_it(path, place):
    assert parse_yaml("mix:\n  kind: mixup\n  alpha: 3\n", "my.yaml").where(path) == place


def test_a_part_of_a_file_is_placed_in_the_whole():
    whole = parse_yaml("a: 1\ntrainer:\n  epochs: 3\n", "my.yaml")
    part = Document(whole.tree["trainer"], whole.source, whole.lines, ("trainer",))
    assert part.where(("epochs",)) == "my.yaml:3 trainer.epochs"


def test_a_tree_of_no_file_has_no_lines():
    assert Document({"a": 1}, "the `space` argument").where(("a", 0)) == "the `space` argument a[0]"


def test_paths_are_written_as_people_write_them():
    assert dotted(("mix", "options", 0, "method")) == "mix.options[0].method"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none\.yaml: No such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot read"):
        read_yaml(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_yaml(tmp_path / "bytes.yaml")


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "policy.yaml"
    write_atomically(path, "first")
    write_atomically(path, "second: é")
    assert path.read_text(encoding="utf-8") == "second: é"
    assert os.listdir(tmp_path) == ["policy.yaml"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "policy.yaml"
    write_atomically(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*: No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["policy.yaml"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        write_atomically(tmp_path / "no" / "policy.yaml", "text")
