"""Which source of jobs this server has: the facility service by way of the hub, Slurm's own commands, or none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial

from facility.client import FacilityClient
from facility.errors import ProfileError
from facility.hub_token import HubToken, hub_trust
from facility.profile import VARIABLE, Profile, System, load_profile
from facility.providers.slurm import DirectRunner, Slurm, slurm_environment
from facility.providers.slurm.run import current_user
from server_ext.board import JobBoard
from server_ext.facility_source import FacilitySource
from server_ext.problems import Problem, problem_of
from server_ext.slurm_source import SlurmSource
from server_ext.source import NoSource, Source

NOTHING_HERE = Problem(
    "There is no facility service and no Slurm here.",
    "your jobs",
    f"On a cluster, put Slurm's commands into PATH before starting JupyterLab; behind a hub, {VARIABLE} is missing.",
    503,
)


def choose_source(environment: Mapping[str, str], board: JobBoard, look_seconds: float) -> Source:
    """The best source that this process's environment allows; a wrong profile is said, never passed over."""
    try:
        profile = load_profile(environment[VARIABLE]) if environment.get(VARIABLE) else None
    except ProfileError as error:
        return NoSource(board, problem_of(error, environment[VARIABLE]))
    hub, token = environment.get("JUPYTERHUB_API_URL"), environment.get("JUPYTERHUB_API_TOKEN")
    if profile and hub and token:
        connect = partial(FacilityClient, profile.service.url, HubToken(hub, token, trust=hub_trust(environment)))
        return FacilitySource(connect, current_user(), board, system=profile.system_name)
    return _slurm_or_none(profile, board, look_seconds)


def _slurm_or_none(profile: Profile | None, board: JobBoard, look_seconds: float) -> Source:
    system = profile.system if profile else System.model_validate({"title": "Slurm"})
    if not shutil.which(system.commands.squeue):
        return NoSource(board, NOTHING_HERE)
    slurm = Slurm(system, DirectRunner(slurm_environment(system)))
    return SlurmSource(slurm, current_user(), board, period=look_seconds)
