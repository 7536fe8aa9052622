"""What Slurm's own accounting says of the tour's jobs, and a control job that shows the reservation is no accident."""

from __future__ import annotations

from dataclasses import dataclass, fields

from beamside.demo import processes
from beamside.demo.slurm.cluster import SlurmCluster


@dataclass(frozen=True)
class Account:
    """One job as sacct(1) tells it; the names are its fields'."""

    jobid: str
    state: str
    user: str
    account: str
    qos: str
    reservation: str
    nnodes: str
    nodelist: str
    jobname: str


def job(cluster: SlurmCluster, job_id: str) -> Account | None:
    """What the accounting holds of one job, None while it holds nothing."""
    names = ",".join(field.name for field in fields(Account))
    # job names may hold no "|" here: they are made by the spawner, by dask_hpc and by this module
    rows = cluster.run("sacct", "-X", "-n", "-P", "-j", job_id, "-o", names).splitlines()
    return Account(*rows[0].split("|")) if rows else None


def wait_ended(cluster: SlurmCluster, job_id: str, *, seconds: float) -> Account:
    """The accounting's last word on a job that ran. Raises DemoError when it still runs after `seconds`."""
    found: list[Account] = []

    def is_over() -> bool:
        found[:] = [known] if (known := job(cluster, job_id)) else []
        # the end of a short job can be recorded before its beginning, which brings QOS, reservation and nodes
        is_whole = bool(found) and found[0].qos != "Unknown" and found[0].nodelist != "None assigned"
        return is_whole and found[0].state.partition(" ")[0] not in ("PENDING", "RUNNING", "COMPLETING", "REQUEUED")

    def words() -> str:
        return f"job {job_id} has not ended after {seconds:g} s; the accounting says {found or 'nothing'}"

    processes.wait_until(is_over, seconds=seconds, otherwise=words, pause=0.2)
    return found[0]


def run_control_job(cluster: SlurmCluster, user: str) -> Account:
    """Run a job of `user` that names no reservation, and return what the accounting says of it."""
    options = ["--account=ncem", "--qos=regular", "--time=1", "--job-name=control", "--output=/dev/null"]
    said = cluster.run("sbatch", "--parsable", *options, user=user, words="#!/bin/sh\nexec true\n")
    return wait_ended(cluster, said.strip().partition(";")[0], seconds=60)


def fill_reservation(cluster: SlurmCluster, user: str, reservation: str) -> str:
    """Start a job of `user` on every node of a reservation, and return its id once it runs; the caller cancels it."""
    nodes = len(reservation_nodes(cluster, reservation))
    options = [f"--reservation={reservation}", f"--nodes={nodes}", "--exclusive", "--account=ncem", "--qos=regular"]
    said = cluster.run(
        "sbatch", "--parsable", *options, "--time=5", "--job-name=earlier", "--output=/dev/null",
        user=user, words="#!/bin/sh\nexec sleep 300\n",
    )  # fmt: skip
    job_id = said.strip().partition(";")[0]
    processes.wait_until(
        lambda: cluster.run("squeue", "-h", "-j", job_id, "-o", "%T").strip() == "RUNNING",
        seconds=60,
        otherwise=lambda: f"job {job_id}, which fills {reservation}, does not start",
        pause=0.1,
    )
    return job_id


def nodes_of(cluster: SlurmCluster, expression: str) -> set[str]:
    """The nodes that a host list expression names."""
    return set(cluster.run("scontrol", "show", "hostnames", expression).split())


def reservation_nodes(cluster: SlurmCluster, name: str) -> set[str]:
    """The nodes of a reservation."""
    return nodes_of(cluster, reservation_facts(cluster, name)["Nodes"])


def reservation_facts(cluster: SlurmCluster, name: str) -> dict[str, str]:
    """A reservation as scontrol(1) shows it on one line; the names of the demonstration hold no blanks."""
    line = cluster.run("scontrol", "show", "reservation", "-o", name)
    return dict(word.partition("=")[::2] for word in line.split() if "=" in word)


def reservation_names(cluster: SlurmCluster) -> set[str]:
    """Every reservation there is, whoever may use it."""
    lines = cluster.run("scontrol", "show", "reservation", "-o").splitlines()
    return {line.split()[0].removeprefix("ReservationName=") for line in lines if line.startswith("ReservationName=")}
