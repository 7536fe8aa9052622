"""A cluster's folder: who makes it owns the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_hpc.deploy.create import make_spec
from dask_hpc.errors import NameTaken
from dask_hpc.jobs.recipe import read_recipe, write_recipe
from dask_hpc.record.folder import LOG, last_log_lines, read_spec, release, remove_credentials, reserve, write_spec
from dask_hpc.record.names import made_up_name
from dask_hpc.record.tls import make_credentials, security
from facility.clusters import check_name
from facility.errors import NotFound
from tests.dask_hpc.recipes import PROVIDER, RECIPE


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_one_of_two_makers_gets_the_name() -> None:
    """The second is told how to join instead."""
    reserve("tonight")

    with pytest.raises(NameTaken, match="from_name"):
        reserve("tonight")


def test_a_released_name_is_free_again() -> None:
    """Nothing of the folder stays."""
    (reserve("tonight") / LOG).write_text("words", encoding="utf-8")

    release("tonight")

    assert not reserve("tonight").joinpath(LOG).exists()


@pytest.mark.parametrize("name", ["../x", "Tonight", "", "-a", "a" * 41, "a\n", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    """A name becomes a path and a job name, so it holds nothing else."""
    with pytest.raises(NotFound):
        reserve(name)


def test_a_made_up_name_can_be_one() -> None:
    """Whoever gives no name gets one that is allowed."""
    assert {check_name(name) for name in (made_up_name() for _ in range(50))}


def test_the_job_reads_the_spec_that_was_left() -> None:
    """Nothing changes on the way."""
    reserve("tonight")
    spec = make_spec("tonight", RECIPE, 3, PROVIDER)

    write_spec(spec)
    write_recipe("tonight", RECIPE)

    assert read_spec("tonight") == spec
    assert read_recipe("tonight") == RECIPE
    assert (spec.ranks, spec.blocks) == (4, 3)


def test_credentials_are_private_and_prove_both_sides() -> None:
    """All three files are 0600, and every role requires TLS 1.3 and the other side's certificate."""
    folder = reserve("tonight")
    make_credentials(folder)

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    contexts = [security(folder).get_listen_args(role)["ssl_context"] for role in ("scheduler", "worker")]

    assert modes == {"ca.pem": 0o600, "certificate.pem": 0o600, "key.pem": 0o600}
    assert {(context.minimum_version.name, context.verify_mode.name) for context in contexts} == {
        ("TLSv1_3", "CERT_REQUIRED")
    }


def test_removed_credentials_leave_the_log() -> None:
    """A cluster that failed keeps its words, not its keys."""
    folder = reserve("tonight")
    make_credentials(folder)
    (folder / LOG).write_text("one\ntwo\nthree\n", encoding="utf-8")

    remove_credentials("tonight")

    assert [path.name for path in folder.iterdir()] == [LOG]
    assert last_log_lines("tonight", 2) == ["two", "three"]


def test_no_log_is_no_error() -> None:
    """A job that never ran has said nothing."""
    assert last_log_lines("never") == []
