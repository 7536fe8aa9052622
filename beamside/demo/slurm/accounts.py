"""QOS, accounts, users and reservations of the demonstration's Slurm, as commands for sacctmgr(1) and scontrol(1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from beamside.demo.people import People

ALL_QOS = "realtime,interactive,regular,shared,debug,preempt"
OPEN_QOS = "interactive,regular,shared,debug"  # what every account may use

NCEM_HOURS = 10_000
"""Node hours that ncem was given, so that people see what is left of them; the other accounts have no limit."""

_QOS = (
    f"add qos {ALL_QOS}",
    "modify qos realtime set priority=10000 maxwall=04:00:00 grptres=node=4 maxsubmitjobspu=20 preempt=preempt",
    "modify qos interactive set priority=5000 maxwall=04:00:00 maxtrespu=node=4 maxsubmitjobspu=2",
    "modify qos debug set priority=3000 maxwall=00:30:00",
    "modify qos regular set priority=1000",
    "modify qos shared set priority=1000 maxtrespu=cpu=32",
    "modify qos preempt set priority=10 preemptmode=requeue",
    f'add account ncem description="electron microscopy" organization=beamside grptresmins=node={NCEM_HOURS * 60}',
    'add account als description="light source" organization=beamside',
    'add account nstaff description="staff" organization=beamside',
)


def accounting(people: People) -> list[str]:
    """Lines for one sacctmgr: one connection, because each costs 0.4 s where acknowledgements are delayed."""
    lines = [
        *_QOS,
        f"add user {people.ana} account=ncem qos={ALL_QOS} defaultqos=regular",
        f"add user {people.ana} account=als qos={OPEN_QOS} defaultqos=regular",
    ]
    if people.ben:
        lines.append(f"add user {people.ben} account=als qos={OPEN_QOS} defaultqos=regular")
    if people.kim:
        lines.append(f"add user {people.kim} account=nstaff qos={ALL_QOS} defaultqos=regular adminlevel=operator")
    return lines


def associations(people: People) -> set[tuple[str, str]]:
    """The (user, account) pairs that must exist once `accounting` was carried out."""
    pairs = {(people.ana, "ncem"), (people.ana, "als"), (people.ben, "als"), (people.kim, "nstaff")}
    return {(user, account) for user, account in pairs if user}


@dataclass(frozen=True)
class ReservationPlan:
    """One reservation the operator makes. None is MAGNETIC: a job enters only by naming it."""

    name: str
    nodes: str
    starts_in: timedelta
    lasts: timedelta
    for_whom: str  # "Accounts=..." or "Users=..."

    def argv(self) -> list[str]:
        """The words after `scontrol`."""
        minutes = int(self.starts_in.total_seconds() // 60)
        return [
            "create",
            "reservation",
            f"ReservationName={self.name}",
            f"StartTime=now+{minutes}minutes" if minutes else "StartTime=now",
            f"Duration={int(self.lasts.total_seconds() // 60)}",
            f"Nodes={self.nodes}",
            self.for_whom,
        ]


def reservations(people: People) -> list[ReservationPlan]:
    """One active now for an account, one later for a user, one later for another account, one active for others.

    nid005 and the GPU nodes stay free now, so that a job without a reservation has somewhere to run.
    """
    tonight = timedelta(hours=12)
    return [
        ReservationPlan("ncem-tonight", "nid[001-004]", timedelta(), tonight, "Accounts=ncem"),
        ReservationPlan("ana-tomorrow", "nid[001-002]", timedelta(days=1), timedelta(hours=4), f"Users={people.ana}"),
        ReservationPlan("als-later", "nid[003-004]", timedelta(days=2), timedelta(hours=8), "Accounts=als"),
        ReservationPlan("staff-now", "nid006", timedelta(), tonight, "Accounts=nstaff"),
    ]
