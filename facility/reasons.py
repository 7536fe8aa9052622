"""Why a job waits or ended, in words. The scheduler's own word stays beside them.

Sources: squeue(1), JOB REASON CODES and JOB STATE CODES; slurm.schedmd.com/resource_limits.html for limits.
"""

from __future__ import annotations

from facility.models import Job, JobState

WHY_PENDING = {
    "Resources": "Waiting for nodes to become free.",
    "Priority": "Jobs of higher priority are ahead.",
    "Reservation": "Waiting for its reservation to begin, or for room in it.",
    "ReservationDeleted": "Its reservation was deleted; cancel it and start again outside.",
    "BeginTime": "Its earliest start time has not come.",
    "Dependency": "Waiting for another job to end.",
    "DependencyNeverSatisfied": "It waits for a job that failed, so it will never start; cancel it.",
    "JobHeldUser": "Held by its owner; release it with scontrol release.",
    "JobHeldAdmin": "Held; release it with scontrol release, and where Slurm refuses, ask the operators.",
    "PartitionDown": "Its partition is down.",
    "PartitionInactive": "Its partition takes no jobs now.",
    "PartitionNodeLimit": "It asks for more nodes than its partition allows.",
    "PartitionTimeLimit": "It asks for more time than its partition allows.",
    "PartitionConfig": "It asks for what its partition cannot give.",
    "ReqNodeNotAvail": "Nodes it needs are reserved, down or drained.",
    "NodeDown": "A node it needs is down.",
    "BadConstraints": "No node has what it asks for.",
    "Licenses": "Waiting for a licence.",
    "InvalidAccount": "Its account is not valid.",
    "InvalidQOS": "Its QOS is not valid.",
    "QOSNotAllowed": "Its QOS is not allowed here.",
    "QOSMaxJobsPerUserLimit": "You are at this QOS's limit of running jobs.",
    "QOSMaxSubmitJobPerUserLimit": "You are at this QOS's limit of submitted jobs.",
    "QOSMaxWallDurationPerJobLimit": "It asks for more time than its QOS allows.",
    "QOSMaxNodePerUserLimit": "You are at this QOS's limit of nodes.",
    "QOSMaxCpuPerUserLimit": "You are at this QOS's limit of CPUs.",
    "QOSMaxGRESPerUser": "You are at this QOS's limit of GPUs.",
    "QOSGrpNodeLimit": "All jobs of this QOS together are at its limit of nodes.",
    "QOSGrpCpuLimit": "All jobs of this QOS together are at its limit of CPUs.",
    "AssocMaxJobsLimit": "You are at this account's limit of running jobs.",
    "AssocGrpCPUMinutesLimit": "The account has used up its allocation.",
    "AssocGrpBillingMinutes": "The account has used up its allocation.",
    "AssocGrpNodeLimit": "All jobs of the account together are at its limit of nodes.",
    "MaxArraySize": "Its array is too large.",
    "JobArrayTaskLimit": "Its array runs as many tasks at once as was asked.",
    "NonZeroExitCode": "It ended with an error.",
    "launch failed requeued held": "It could not be started and is held; ask the operators.",
}

FAMILIES = (
    ("QOSMax", "You are at a limit of this QOS."),
    ("QOSGrp", "All jobs of this QOS together are at one of its limits."),
    ("QOSMin", "It asks for less than this QOS's minimum."),
    ("AssocMax", "You are at a limit of this account."),
    ("AssocGrp", "All jobs of the account together are at one of its limits."),
    ("Reservation ", "Its reservation was deleted or has ended; cancel it and start again outside."),
    ("Nodes required for job are DOWN", "Nodes it needs are reserved, down or drained."),
)

WHY_ENDED = {
    JobState.COMPLETED: "It ended as it should.",
    JobState.CANCELLED: "It was cancelled.",
    JobState.FAILED: "It ended with an error.",
    JobState.TIMEOUT: "Its walltime was used up.",
    JobState.NODE_FAIL: "A node it ran on failed.",
    JobState.BOOT_FAIL: "A node it was given did not start.",
    JobState.DEADLINE: "It could not end before its deadline.",
    JobState.OUT_OF_MEMORY: "It ran out of memory.",
    JobState.PREEMPTED: "A job of higher priority took its nodes.",
    JobState.REVOKED: "A sibling of it started on another cluster.",
    JobState.LAUNCH_FAILED: "It could not be started.",
    JobState.RECONFIG_FAIL: "Its nodes could not be configured.",
}


def why(job: Job) -> str:
    """A sentence about a job that waits or has ended; empty for one that runs, and where Slurm gives no reason."""
    if job.state.is_final:
        return WHY_ENDED[job.state]
    return in_words(job.reason) if job.state.is_waiting and job.reason else ""


def in_words(reason: str) -> str:
    """Slurm's reason as a sentence. One that is not known here is named as it is, never left out."""
    head = reason.split(",", maxsplit=1)[0].strip()
    if head in WHY_PENDING:
        return WHY_PENDING[head]
    family = next((words for prefix, words in FAMILIES if head.startswith(prefix)), "")
    return family or f"Slurm says: {reason}"
