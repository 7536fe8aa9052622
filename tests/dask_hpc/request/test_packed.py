"""Archives of packed environments, as they are named."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from dask_hpc.config import read_shape_settings
from dask_hpc.request.packed import find_archive
from dask_hpc.request.shape import Layer, Shape, read_shape
from facility.errors import OptionError
from facility.profile import System

SYSTEM = System(title="Demo")


def shape(named: str | Path, image: str = "") -> Shape:
    """A shape with this archive."""
    return read_shape([Layer({"packed_environment": named, "image": image}), Layer(read_shape_settings())])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A tar archive."""
    made = tmp_path / "bragg.tar.gz"
    with tarfile.open(made, "w:gz") as tar:
        tar.add(__file__, "bin/python3")
    return made


def test_it_may_be_named_below_this_folder_and_below_the_home(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job gets the whole path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    found = {find_archive(shape(named), SYSTEM) for named in (archive, "bragg.tar.gz", "~/bragg.tar.gz")}

    assert {str(archive)} == found


def test_zstandard_is_left_to_the_nodes_tar(tmp_path: Path) -> None:
    """Python's own reader does not know it."""
    (tmp_path / "bragg.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd and more")

    assert str(tmp_path / "bragg.tar.zst") == find_archive(shape(tmp_path / "bragg.tar.zst"), SYSTEM)


def test_a_laptop_needs_none(archive: Path) -> None:
    """Its environment is on its own disk, and a facility's notebook runs there."""
    assert "" == find_archive(shape(archive), System(title="Laptop", scheduler="none"))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("none.tar.gz", "none.tar.gz cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("words.txt", "is no tar archive; make one by conda-pack, or `tar -czf"),
    ],
)
def test_what_is_no_archive_is_refused(named: str, words: str, tmp_path: Path) -> None:
    """Before anything is submitted."""
    (tmp_path / "words.txt").write_text("some words", encoding="utf-8")

    with pytest.raises(OptionError, match="packed_environment") as refusal:
        find_archive(shape(tmp_path / named), SYSTEM)

    assert words in refusal.value.reason


def test_an_image_beside_it_is_refused(archive: Path) -> None:
    """It holds an environment of its own."""
    with pytest.raises(OptionError, match="name one of both"):
        find_archive(shape(archive, "shifter:lab:1"), SYSTEM)
