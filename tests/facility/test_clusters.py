"""The record of a named cluster on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facility.clusters import (
    BlockRecord,
    ClusterRecord,
    directory,
    list_records,
    read_record,
    remove_record,
    write_record,
)
from facility.errors import NotFound, Unreadable

TONIGHT = ClusterRecord(
    name="ncem-tonight", created=1.0, account="ncem", qos="realtime", reservation="", nodes=2, ranks_per_node=2
)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_record_comes_back_as_it_was_written() -> None:
    """What one kernel writes, another reads, tuples included."""
    written = replace(TONIGHT, job_ids=("12", "13"), blocks=(BlockRecord(0, "12", "running"), BlockRecord(3, "13")))
    write_record(written)

    assert written == read_record("ncem-tonight")


def test_only_the_owner_can_read_a_record() -> None:
    """The directory is 0700 and each file 0600."""
    write_record(TONIGHT)

    assert 0o700 == directory().stat().st_mode & 0o777
    assert 0o600 == (directory() / "ncem-tonight.json").stat().st_mode & 0o777


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "UPPER", "a b", "-x", "a" * 41, "a\n"])
def test_a_name_that_could_become_another_path_is_refused(name: str) -> None:
    """A cluster's name becomes a file name, so only plain ones exist."""
    with pytest.raises(NotFound, match="use 1 to 40 of"):
        read_record(name)


def test_a_missing_cluster_says_how_to_see_the_others() -> None:
    """An unknown name tells the next step."""
    with pytest.raises(NotFound, match=r"MPICluster\.list\(\)"):
        read_record("nowhere")


def test_one_broken_record_hides_no_other() -> None:
    """The list goes on past a file that is not a record; reading that one says so."""
    write_record(TONIGHT)
    (directory() / "broken.json").write_text("{", encoding="utf-8")

    assert [TONIGHT] == list_records()
    with pytest.raises(Unreadable, match="not a cluster record"):
        read_record("broken")


def test_a_record_of_another_schema_is_named_as_such() -> None:
    """A newer beamside's record is refused with both versions."""
    write_record(replace(TONIGHT, schema=99))

    with pytest.raises(Unreadable, match="has schema 99"):
        read_record("ncem-tonight")


def test_a_record_of_the_first_schema_is_read() -> None:
    """Clusters that were made before there were blocks stay known."""
    write_record(replace(TONIGHT, schema=1, job_ids=("12",)))

    assert read_record("ncem-tonight").job_ids == ("12",)


def test_removing_twice_is_no_error() -> None:
    """Closing a cluster from two notebooks ends well in both."""
    write_record(TONIGHT)
    remove_record("ncem-tonight")
    remove_record("ncem-tonight")

    assert [] == list_records()
