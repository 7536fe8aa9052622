"""The configuration files of the demonstration's Slurm, as text: slurm.conf(5), slurmdbd.conf(5), gres.conf(5).

A site would choose longer periods: these are short so that changes show within a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from beamside.demo.packages import Packages

CLUSTER = "sidecar"
CPU_NODES = tuple(f"nid{i:03d}" for i in range(1, 7))
GPU_NODES = ("nid007", "nid008")
LOGIN_NODE = "login01"  # where many share each CPU and nobody waits
BATCH_NODES = CPU_NODES + GPU_NODES
NODES = (*BATCH_NODES, LOGIN_NODE)
CONTROLLER = "slurmctl"  # where slurmctld and slurmdbd run
HOSTS = (CONTROLLER, *NODES)


@dataclass(frozen=True)
class Scale:
    """What each node claims to have, however little the machine has, and how often its jobs are looked at."""

    cpus: int = 16
    memory_mb: int = 32000
    sampled_every: int = 2  # seconds between two looks of a job's step at its memory; 0: never, for very many jobs


@dataclass(frozen=True)
class Ports:
    """The ports of one Slurm, all on 127.0.0.1."""

    slurmctld: int
    slurmdbd: int
    mariadb: int
    slurmrestd: int
    slurmd: tuple[int, ...]  # one a node, in the order of NODES

    @classmethod
    def of(cls, free: list[int]) -> Ports:
        """Give out free ports in order."""
        return cls(free[0], free[1], free[2], free[3], tuple(free[4 : 4 + len(NODES)]))

    @classmethod
    def needed(cls) -> int:
        """How many ports one Slurm needs."""
        return len(fields(cls)) - 1 + len(NODES)


@dataclass(frozen=True)
class Users:
    """Who the daemons run as."""

    slurm: str
    munge: str
    mysql: str
    rest: str  # slurmrestd refuses root and Slurm's own user
    slurmd: str


@dataclass(frozen=True)
class Site:
    """All that the configuration depends on."""

    directory: Path
    ports: Ports
    users: Users
    host: str  # what slurmctld finds its machine to be called, which SlurmctldHost must be
    own_host_names: bool  # each node, and the controller, in a UTS namespace with its own name
    packages: Packages
    scale: Scale = Scale()


def slurm_conf(site: Site) -> str:
    """slurm.conf: every daemon on 127.0.0.1, accounting enforced, preemption by QOS, no cgroups."""
    top, limits = site.directory, "DefaultTime=00:10:00 MaxTime=2-00:00:00"
    batch = ",".join(BATCH_NODES)
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost={site.host}(127.0.0.1)
SlurmctldPort={site.ports.slurmctld}
SlurmUser={site.users.slurm}
SlurmdUser={site.users.slurmd}
{_auth(top)}
# daemons, srun and salloc listen on the address their host name has, 127.0.0.1, not on every address
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={top}/ctld/state
SlurmctldPidFile={top}/ctld/slurmctld.pid
SlurmctldLogFile={top}/log/slurmctld.log
SlurmdSpoolDir={top}/spool/%n
SlurmdPidFile={top}/run/slurmd-%n.pid
SlurmdLogFile={top}/log/slurmd-%n.log
# one a node, else the nodes' MPI directories collide
TmpFS={top}/tmp/%n
MailProg={top}/etc/mail.sh
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={top}/etc/task-prolog.sh
# else looked for beside a symbolic link that SLURM_CONF may be
PlugStackConfig={top}/etc/plugstack.conf
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task={site.scale.sampled_every}
# memory limits without cgroups
JobAcctGatherParams=OverMemoryKill
# nodes claim more than the machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=2000
GresTypes=gpu
MpiDefault=pmi2
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=5,sched_min_interval=0,bf_interval=5,bf_continue
CompleteWait=0
KillWait=5
MinJobAge=300
MaxJobCount=200000
# MPICH names what ranks of a node share in /dev/shm after job and step alone: of no other Slurm of this machine
FirstJobId={site.ports.slurmctld * 60}
MaxArraySize=100001
SlurmdTimeout=20
MessageTimeout=20
PriorityType=priority/multifactor
PriorityWeightQOS=100000
PriorityWeightAge=1000
PriorityFlags=NO_FAIR_TREE
PreemptType=preempt/qos
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={site.ports.slurmdbd}
# sacctmgr and sacct take munge's socket from here, not from AuthInfo
AccountingStoragePass={top}/munge/munge.sock
AccountingStorageEnforce=associations,limits,qos
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
{_plugins(site)}{_nodes(site)}PartitionName=main Nodes={batch} Default=YES {limits} OverSubscribe=NO State=UP
PartitionName=exclusive Nodes={batch} {limits} OverSubscribe=EXCLUSIVE State=UP
PartitionName=login Nodes={LOGIN_NODE} {limits} MaxNodes=1 DefMemPerCPU=500 OverSubscribe=FORCE:16 State=UP
"""  # noqa: S108 - its own tmp


def slurmdbd_conf(site: Site, password: str) -> str:
    """slurmdbd.conf, which holds the database's password: 0600, Slurm's own user only."""
    top = site.directory
    return f"""\
{_auth(top)}
# unlisted in its man page, and honoured: else it listens on every address
CommunicationParameters=NoInAddrAny
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={site.ports.slurmdbd}
SlurmUser={site.users.slurm}
DebugLevel=info
LogFile={top}/log/slurmdbd.log
PidFile={top}/dbd/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={site.ports.mariadb}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
{_plugins(site)}"""


def gres_conf() -> str:
    """gres.conf: four GPUs a node that are none. A GPU needs a device file, so four that every Linux has stand in."""
    nodes = ",".join(GPU_NODES)
    devices = ("null", "zero", "full", "random")
    return "".join(f"NodeName={nodes} Name=gpu Type=a100 File=/dev/{device}\n" for device in devices)


MAIL_PROG = """\
#!/bin/sh
# what Slurm would send: a line in ../log/mail, subject and address; nothing leaves this machine
[ "$1" = -s ] && printf '%s\\t%s\\n' "$3" "$2" >> "${0%/etc/mail.sh}/log/mail"
"""

TASK_PROLOG = """\
#!/bin/sh
# lines printed as "export K=V" enter the task's environment: MPI's traffic stays on the loopback interface.
# System V shared memory within a node: UCX's other kinds fail between the nodes' user namespaces, and
# TCP alone hangs between the ranks of one node.
echo "export UCX_TLS=self,sysv,tcp"
echo "export UCX_NET_DEVICES=lo"
echo "export FI_PROVIDER=tcp"
echo "export FI_TCP_IFACE=lo"
"""


def _auth(top: Path) -> str:
    # cred_expire: a requeued job waits that long before it may start again, 120 s by default
    return f"""\
AuthType=auth/munge
AuthInfo=socket={top}/munge/munge.sock,cred_expire=10
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={top}/etc/jwt.key"""


def _plugins(site: Site) -> str:
    return f"PluginDir={site.packages.libraries / 'slurm-wlm'}\n" if site.packages.tree else ""


def _nodes(site: Site) -> str:
    return "".join(_node(site, name, port) for name, port in zip(NODES, site.ports.slurmd, strict=True))


def _node(site: Site, name: str, port: int) -> str:
    host = "" if site.own_host_names else f" NodeHostname={site.host}"
    kind = "Feature=gpu,a100 Gres=gpu:a100:4" if name in GPU_NODES else "Feature=cpu"
    size = f"CPUs={site.scale.cpus} RealMemory={site.scale.memory_mb}"
    return f"NodeName={name} NodeAddr=127.0.0.1{host} Port={port} {size} {kind} State=UNKNOWN\n"
