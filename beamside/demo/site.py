"""facility.toml of the demonstration: the facts of its one system, readable by everybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from beamside.demo import facility_service, tiers
from beamside.demo.layout import Layout
from beamside.demo.packages import Packages
from beamside.demo.plan import CLIENT_ID, Plan
from facility.profile import Commands, read_profile

SYSTEM = "sidecar"
ANNOUNCED = "Quarterly maintenance"
"""What the demonstration's facility plans, so that its pages have something to announce."""


def profile_text(layout: Layout, plan: Plan, packages: Packages) -> str:
    """The text of facility.toml. Raises ProfileError when the result would not be read."""
    commands = "\n".join(f"{name} = {_quoted(packages.command(name))}" for name in Commands.model_fields)
    text = f"""\
# The demonstration's facts: one real Slurm with nine virtual nodes on this machine.
name = "Sidecar demonstration facility"

[service]
url = {_quoted(plan.facility_url)}
{_identity(layout, plan)}issuer = {_quoted(plan.issuer)}
client_ids = [{_quoted(CLIENT_ID)}]
poll_seconds = 2.0
rclone_config = {_quoted(str(tiers.remotes(layout)))}
outages_file = {_quoted(str(layout.profile.with_name("outages.toml")))}

[service.callbacks]
http = true
allowed = ["127.0.0.1/32"]
{_as_user(layout, plan)}
[systems.{SYSTEM}]
title = "Sidecar: nine virtual nodes on one machine"
aliases = ["perlmutter"]
slurm_conf = {_quoted(str(layout.slurm / "etc" / "slurm.conf"))}
default_partition = "main"
default_walltime_minutes = 60
max_walltime_minutes = 720
realtime_qos = "realtime"
mpi_launch = "pmi2"
network_interface = "lo"
scratch = {_quoted(str(layout.scratch / "{user}"))}

[systems.{SYSTEM}.commands]
{commands}

[systems.{SYSTEM}.partitions.main]
title = "Shared nodes"
description = "Several jobs may share a node."

[systems.{SYSTEM}.partitions.exclusive]
title = "Whole nodes"
description = "Each node runs one job."

[systems.{SYSTEM}.partitions.login]
title = "Login node"
no_queue = true
description = "To look and to write; for work that fits beside that of others."

[[systems.{SYSTEM}.starters]]
name = "login"
title = "Login node, no queue"
description = "To look and to write. Starts at once, on a node that many share."
choices = {{ partition = "login", qos = "shared", cpus_per_node = 1, memory_gb = 2, walltime = "8:00" }}

[systems.{SYSTEM}.qos.realtime]
title = "Realtime"
description = "For an experiment that runs now: starts first, and may preempt."

[systems.{SYSTEM}.qos.regular]
title = "Regular"
description = "For everything that can wait."

[[systems.{SYSTEM}.images]]
name = "none"
driver = "none"
title = "No container"
description = "The facility's own Python with JupyterLab, Dask and MPI."

{tiers.profile_text(layout)}"""
    read_profile(text, str(layout.profile))
    return text


def outages_text(now: datetime) -> str:
    """The text of the file of planned outages: one day of maintenance, nine days from now."""
    starts = (now.astimezone(UTC) + timedelta(days=9)).replace(hour=16, minute=0, second=0, microsecond=0)
    return f"""\
[[outage]]
starts = {starts.isoformat()}
ends = {(starts + timedelta(hours=10)).isoformat()}
description = "{ANNOUNCED}: the machine room's cooling is serviced. No jobs run meanwhile."
"""


def _identity(layout: Layout, plan: Plan) -> str:
    if plan.accounts.people.is_alone:
        return ""
    socket = str(facility_service.link_socket(layout))
    return f"identity_url = {_quoted(plan.identity_url)}\nlink_socket = {_quoted(socket)}\n"


def _as_user(layout: Layout, plan: Plan) -> str:
    if plan.accounts.people.is_alone:
        return ""
    helper = json.dumps(["sudo", "-n", str(layout.libexec / "as-user")])
    return f"\n[as_user]\nhelper = {helper}\ngroup = {_quoted(plan.accounts.people.group)}\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's for text without control characters."""
    return json.dumps(text, ensure_ascii=False)
