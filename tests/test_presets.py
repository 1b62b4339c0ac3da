"""Where a name leads."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from automix_search import presets
from automix_search.errors import InputError
from automix_search.presets import FOLDERS, PRESET_KINDS, Preset, find_preset, list_presets

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def own(kind, name, text="format: mine\n"):
    path = Path(FOLDERS[kind], f"{name}.yaml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", PRESET_KINDS)
def test_the_list_is_the_folder_of_the_checkout(kind):
    found = list_presets(kind)
    there = sorted(path.stem for path in ROOT.glob(f"{FOLDERS[kind]}/*.yaml"))
    assert [preset.name for preset in found] == there
    assert {preset.origin for preset in found} <= {"shipped"}


def test_there_are_presets_of_every_cluster_kind():
    assert {"address", "debug", "local"} <= {preset.name for preset in list_presets("cluster")}


def test_the_users_folder_hides_a_shipped_preset():
    path = own("cluster", "local")
    preset = find_preset("cluster", "local")
    assert (preset.origin, preset.path) == ("folder", path)
    assert preset.document().tree == {"format": "mine"}
    assert [preset.name for preset in list_presets("cluster")].count("local") == 1


@pytest.mark.parametrize("name", ["local.yaml", "./local", "folder/local", "local.v2"])
def test_a_suffix_or_a_separator_means_a_file(name):
    own("cluster", "local")
    Path("folder").mkdir()
    Path(name).write_text("format: file\n")
    preset = find_preset("cluster", name)
    assert (preset.origin, preset.path) == ("file", Path(name))
    assert preset.document().tree == {"format": "file"}


def test_a_folder_of_that_name_is_no_preset():
    Path("cluster/local.yaml").mkdir(parents=True)
    Path("cluster/.hidden.yaml").write_text("")
    assert find_preset("cluster", "local").origin == "shipped"
    assert ".hidden" not in {preset.name for preset in list_presets("cluster")}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("locl", "unknown cluster preset `locl`; did you mean `local`?"),
        ("", "unknown cluster preset ``; known: address, debug, local"),
        ("lcal.yaml", "there is no cluster file `lcal.yaml`; did you mean the preset `local`?"),
        ("nowhere/zzz.yaml", "there is no cluster file `nowhere/zzz.yaml`; presets: address, debug, local"),
    ],
)
def test_what_is_not_there_gets_one_sentence(name, said):
    with pytest.raises(InputError) as error:
        find_preset("cluster", name)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_a_name_of_another_kind_is_not_found():
    with pytest.raises(InputError, match="unknown space preset `debug`"):
        find_preset("space", "debug")


def test_text_that_is_no_text():
    path = own("space", "odd")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a text file in UTF-8"):
        find_preset("space", "odd").text()


def test_a_package_inside_an_archive_can_be_read(monkeypatch):
    with zipfile.ZipFile("wheel.zip", "w") as archive:
        archive.writestr("automix_search/_presets/cluster/packed.yaml", "# packed\nformat: packed\n")
    package = zipfile.Path("wheel.zip", "automix_search/")
    monkeypatch.setattr(presets.resources, "files", lambda name: package)
    (preset,) = list_presets("cluster")
    assert isinstance(preset, Preset)
    assert (preset.name, preset.document().tree) == ("packed", {"format": "packed"})
    assert preset.text().startswith("# packed")
