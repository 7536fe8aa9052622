"""The demonstration's Slurm as its users find it."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster

if TYPE_CHECKING:
    from tests.conftest import RunAs

pytestmark = pytest.mark.slurm


class Desk:
    """What a user does at a terminal."""

    def __init__(self, run_as: RunAs, user: str) -> None:
        self.run_as, self.user = run_as, user
        self.home = Path(pwd.getpwnam(user).pw_dir)

    def says(self, *argv: str) -> str:
        """What a command prints."""
        return self.run_as(self.user, *argv).stdout.decode().strip()

    def submit(self, *options: str, script: str = "exec sleep 60") -> tuple[str, str]:
        """A job's id, empty where it was refused, and what sbatch said against it."""
        text = f"#!/bin/sh\n{script}\n".encode()
        done = self.run_as(self.user, "sbatch", "--parsable", "--output=%j.out", *options, stdin=text)
        return done.stdout.decode().strip(), done.stderr.decode()

    def wait(self, job: str, wanted: str) -> None:
        """Wait until squeue tells the wanted state."""

        def state() -> str:
            return self.says("squeue", "-h", "-t", "all", "-j", job, "-o", "%T")

        wait_until(lambda: state() == wanted, seconds=60, otherwise=lambda: f"{job} is {state()}, not {wanted}")


@pytest.fixture
def ana(slurm: SlurmCluster, run_as: RunAs) -> Desk:
    """The microscopist."""
    return Desk(run_as, slurm.people.ana)


@pytest.fixture
def ben(slurm: SlurmCluster, run_as: RunAs) -> Desk:
    """The tomographer, who may not use the realtime QOS."""
    return Desk(run_as, slurm.people.ben)


def test_tasks_of_a_two_node_job_see_two_host_names(ana: Desk) -> None:
    """A job in the reservation and the realtime QOS runs on nodes that each have a name of their own."""
    options = ("-A", "ncem", "-q", "realtime", "--reservation=ncem-tonight", "-N2", "--ntasks-per-node=1")
    job, _ = ana.submit(*options, script="srun hostname")
    ana.wait(job, "COMPLETED")

    assert sorted((ana.home / f"{job}.out").read_text().split()) == ["nid001", "nid002"]


def test_a_job_that_names_no_reservation_lands_outside_of_it(ana: Desk) -> None:
    """The active reservations are not MAGNETIC: a job that could enter one does not unless it says so."""
    job, _ = ana.submit("-A", "ncem", "-C", "cpu", script="hostname")
    ana.wait(job, "COMPLETED")

    assert (ana.home / f"{job}.out").read_text().strip() == "nid005"


@pytest.mark.needs_root
def test_reservation_of_another_account_is_refused(ben: Desk) -> None:
    """sbatch says no, in its own words, to a job in a reservation that does not admit its account."""
    job, refusal = ben.submit("-A", "als", "--reservation=ncem-tonight")

    assert (job, "Access denied to requested reservation" in refusal) == ("", True)


@pytest.mark.needs_root
def test_realtime_is_refused_to_an_account_without_it(ben: Desk) -> None:
    """Only ncem holds the realtime QOS."""
    job, refusal = ben.submit("-A", "als", "-q", "realtime")

    assert (job, "Invalid qos specification" in refusal) == ("", True)


def test_gpus_are_numbered_for_their_job(ana: Desk) -> None:
    """A job that asks for two of a node's four GPUs sees two in CUDA_VISIBLE_DEVICES."""
    job, _ = ana.submit("-A", "ncem", "--gres=gpu:2", script="echo $CUDA_VISIBLE_DEVICES")
    ana.wait(job, "COMPLETED")

    assert (ana.home / f"{job}.out").read_text().strip() == "0,1"


def test_reservations_are_active_and_upcoming_for_ours_and_others(slurm: SlurmCluster) -> None:
    """One is active for ncem, one later for ana, one later for als, one active for staff; none is MAGNETIC."""
    shown = slurm.run("scontrol", "show", "reservation", "-o").splitlines()
    found = {row.split()[0].partition("=")[2]: "State=ACTIVE" in row for row in shown}

    assert found == {"ncem-tonight": True, "ana-tomorrow": False, "als-later": False, "staff-now": True}
    assert not any("MAGNETIC" in row for row in shown)


def test_people_have_the_accounts_and_qos_of_their_work(slurm: SlurmCluster) -> None:
    """ana has realtime through ncem alone, ben has als without it, kim is staff."""
    rows = slurm.run("sacctmgr", "-nP", "list", "associations", "format=user,account,qos").splitlines()
    realtime = {tuple(row.split("|")[:2]) for row in rows if "realtime" in row}
    every = {tuple(row.split("|")[:2]) for row in rows if not row.startswith(("|", "root"))}
    people = slurm.people

    assert {(people.ana, "ncem"), (people.kim, "nstaff")} - {("", "nstaff")} == realtime
    assert {(people.ben, "als"), (people.ana, "als")} - {("", "als")} | realtime == every
