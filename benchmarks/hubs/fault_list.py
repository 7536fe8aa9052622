"""Faults that can be put to any hub from outside, each with one question whose answer can be seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hubs import disk_faults as disk
from hubs import hub_faults as hubs
from hubs import slurm_faults as slurm
from tests.hub_ext.conftest import HubAtWork


@dataclass(frozen=True)
class Fault:
    """One fault; `act` puts it to a hub and says what was seen."""

    key: str
    what: str
    question: str
    act: Callable[[HubAtWork], str]


STILL = "is the server still there?"
JOBS = "is there one job, and does it serve?"
READS = "what does the person read?"
END = "is the job gone, and does the hub know?"

FAULTS = (
    Fault("F1", "squeue fails for 10 s with words of no release", STILL, partial(slurm.squeue_says, "error")),
    Fault("F2", "squeue answers nothing for 10 s, with success", STILL, partial(slurm.squeue_says, "empty")),
    Fault("F3", "squeue's answer is cut off for 10 s", STILL, partial(slurm.squeue_says, "cut")),
    Fault("F4", "squeue answers bytes that are no UTF-8 for 10 s", STILL, partial(slurm.squeue_says, "garbage")),
    Fault("F5", "squeue hangs for 30 s, then the job is cancelled", END, slurm.squeue_hangs),
    Fault("F6", "slurmctld is down for 20 s", STILL, slurm.controller_away),
    Fault("F7", "slurmctld is down when Start is pressed, for 15 s", JOBS, slurm.controller_away_at_start),
    Fault("F8", "sbatch takes the job and reports a time-out", JOBS, slurm.answer_lost),
    Fault("F9", "sbatch refuses the account", READS, slurm.refused),
    Fault("F10", "scancel fails for 10 s after Stop", END, slurm.cancel_fails),
    Fault("F16", "the hub is killed while the job is pending", JOBS, hubs.killed_while_pending),
    Fault("F16b", "the hub is killed before sbatch's answer", JOBS, hubs.killed_in_sbatch),
    Fault("F17", "the hub is killed and started again", STILL, hubs.restarted),
    Fault("F18", "the same while slurmctld is down", STILL, hubs.restarted_without_controller),
    Fault("F19", "the proxy is killed and started again", STILL, hubs.proxy_killed),
    Fault("F20", "the job is requeued", JOBS, slurm.requeued),
    Fault("F21", "an operator cancels the job", READS, slurm.cancelled),
    Fault("F22", "the server ends, its job lives", END, hubs.server_dies),
    Fault("F22b", "the job dies before its server", READS, hubs.dies_at_once),
    Fault("F31", "the hub's disk is full when Start is pressed", "is there a job that no hub knows?", disk.full),
    Fault("F38", "two tabs press Start at once", JOBS, hubs.clicked_twice),
    Fault("F39", "a second hub is started on the same folder", "does it start?", disk.second_hub),
    Fault("F40", "the record of a running server is damaged", STILL, disk.damaged),
    Fault("F42", "Start is asked for with options of 2 MB", "are they taken?", disk.huge_options),
)
