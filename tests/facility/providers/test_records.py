"""sacct, scontrol, sinfo and sacctmgr on recorded real output."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from facility.errors import Unreadable
from facility.models import Entitlement, JobState
from facility.providers.slurm import sacct, sacctmgr, scontrol, sinfo, sshare
from facility.providers.slurm.text import Marks

Recorded = Callable[[str], bytes]


def test_ended_jobs_are_read_with_their_hostile_names(recorded: Recorded, marks: Marks) -> None:
    """A newline in a name splits no record."""
    listing = sacct.parse(recorded("sacct-22.05.8-ended.bin"), marks)

    assert (10, 0) == (len(listing.jobs), listing.malformed)
    assert "new\nline" == sacct.record_of("25", listing).name


def test_a_cancelled_job_is_final_and_says_by_whom(recorded: Recorded, marks: Marks) -> None:
    """The state is read, Slurm's whole word is kept."""
    job = sacct.record_of("33", sacct.parse(recorded("sacct-22.05.8-ended.bin"), marks))

    assert (JobState.CANCELLED, "CANCELLED by 1001", "nid[007-008]") == (job.state, job.state_word, job.node_list)


def test_tasks_that_never_started_share_a_record(recorded: Recorded, marks: Marks) -> None:
    """The record "32_[0-2]" tells of task 32_1."""
    listing = sacct.parse(recorded("sacct-22.05.8-ended.bin"), marks)

    assert "32_[0-2]" == sacct.record_of("32_1", listing).id
    assert sacct.record_of("99_1", listing) is None


def test_a_cut_record_is_counted(recorded: Recorded, marks: Marks) -> None:
    """What is left of a cut answer is not taken for a job."""
    listing = sacct.parse(recorded("sacct-22.05.8-ended.bin")[:700], marks)

    assert (1, True) == (len(listing.jobs), listing.malformed > 0)


def test_reservations_tell_whom_they_admit(recorded: Recorded) -> None:
    """Users, accounts, excluded accounts, groups and flags are all read."""
    found = {r.name: r for r in scontrol.parse(recorded("scontrol-22.05.8-reservations.txt"))}

    assert ("ncem",) == found["rec-now"].accounts
    assert (("dana",), ("als",)) == (found["rec-both"].users, found["rec-both"].accounts)
    assert ("-als",) == found["rec-not-als"].accounts
    assert ("dana",) == found["rec-group"].groups
    assert "MAINT" in found["rec-maint"].flags


def test_a_reservation_has_times_and_nodes(recorded: Recorded) -> None:
    """Times are UTC; the window is what was asked for."""
    found = {r.name: r for r in scontrol.parse(recorded("scontrol-22.05.8-reservations.txt"))}
    now = found["rec-now"]

    assert (timedelta(hours=4), 1, "nid007", "ACTIVE") == (
        now.ends - now.starts, now.node_count, now.node_list, now.state,
    )  # fmt: skip


def test_no_reservation_is_an_answer() -> None:
    """A system without reservations is not an unreadable one."""
    assert () == scontrol.parse(b"No reservations in the system\n")


def test_an_unreadable_reservation_is_not_left_out() -> None:
    """Half a list would be a wrong answer, so it is an error that shows the line."""
    with pytest.raises(Unreadable) as problem:
        scontrol.parse(b"ReservationName=a StartTime=tomorrow EndTime=1795360329\n")

    assert "tomorrow" in problem.value.text


def test_partitions_sum_their_kinds_of_nodes(recorded: Recorded, marks: Marks) -> None:
    """CPU and GPU nodes of one partition are one entry of the form."""
    main, exclusive = sinfo.parse(recorded("sinfo-22.05.8-partitions.txt"), marks)

    assert ("main", True, True, 8, 4) == (main.name, main.is_default, main.is_up, main.nodes, main.gpus_per_node)
    assert (timedelta(days=2), ("cpu", "gpu", "a100")) == (main.max_walltime, main.features)
    assert not exclusive.is_default


def test_a_cut_list_of_partitions_is_an_error(recorded: Recorded, marks: Marks) -> None:
    """A partition that is missing would be a partition that nobody can choose."""
    with pytest.raises(Unreadable):
        sinfo.parse(recorded("sinfo-22.05.8-partitions.txt")[:-10], marks)


def test_associations_say_who_may_charge_what(recorded: Recorded) -> None:
    """The default account comes first, with its own QOS and its description."""
    descriptions = sacctmgr.parse_accounts(recorded("sacctmgr-22.05.8-accounts.txt"))

    found = sacctmgr.parse_associations(recorded("sacctmgr-22.05.8-associations.txt"), descriptions)

    qos = ("debug", "interactive", "preempt", "realtime", "regular", "shared")
    assert (
        Entitlement("dana", "ncem", qos, "regular", is_default=True, description="ncem 4d-stem") == found.of("dana")[0]
    )
    assert ["als"] == [entitlement.account for entitlement in found.of("dben")]
    assert {"root", "dkim"} == found.operators


def test_qos_have_the_limits_a_form_needs(recorded: Recorded) -> None:
    """The smallest of the node limits counts."""
    found = {qos.name: qos for qos in sacctmgr.parse_qos(recorded("sacctmgr-22.05.8-qos.txt"))}

    realtime = found["realtime"]
    assert (timedelta(hours=4), 4, 20) == (realtime.max_walltime, realtime.max_nodes, realtime.max_submits_per_user)
    assert (None, None) == (found["regular"].max_walltime, found["shared"].max_nodes)
    assert 1.0 == realtime.usage_factor


def test_what_is_left_is_the_lesser_of_the_persons_and_the_accounts() -> None:
    """A share that sets no limit on nodes leaves all that the account has; no limit at all is None."""
    own = Entitlement("ana", "ncem", ("regular",)), Entitlement("ana", "als", ("regular",))
    shares = sshare.parse(b" ncem||node=6000|node=600|\n  ncem|ana|node=1200|node=600|\n als||cpu=60|cpu=0|\n")

    assert [10.0, None] == [one.balance_hours for one in sshare.with_balance(own, shares)]
