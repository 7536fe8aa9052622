"""What of a job can be changed, in the words of scontrol(1). Raises OptionError for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from facility.errors import OptionError
from facility.script import slurm_time
from facility.service.routers.iri.job_models import JobAttributes, JobSpec, ResourceSpec
from facility.service.routers.iri.job_script import Queues

MEGABYTE = 2**20
CUSTOM = {
    "begin": "StartTime",
    "comment": "Comment",
    "constraint": "Features",
    "deadline": "Deadline",
    "dependency": "Dependency",
    "mail-type": "MailType",
    "mail-user": "MailUser",
    "nice": "Nice",
    "qos": "QOS",
}
QUEUES = {"partition": "Partition", "qos": "QOS"}
FIXED = "cannot be changed once the job is submitted; cancel it and submit another"


def fields_of(spec: JobSpec, queues: Queues) -> dict[str, str]:
    """The fields that `spec` gives another value."""
    given = spec.model_fields_set - {"attributes", "resources", "name"}
    for name in sorted(given):
        raise OptionError(name, FIXED)
    found = {"JobName": spec.name} if spec.name else {}
    found |= dict(_scheduled(spec.attributes, queues)) | dict(_needed(spec.resources))
    if not found:
        raise OptionError("job_spec", "holds nothing that could be changed: a name, attributes or resources")
    return found


def _scheduled(wanted: JobAttributes | None, queues: Queues) -> Iterator[tuple[str, str]]:
    if wanted is None:
        return
    if wanted.duration:
        yield "TimeLimit", slurm_time(timedelta(seconds=wanted.duration))
    if wanted.queue_name:
        yield QUEUES[queues.option(wanted.queue_name)], wanted.queue_name
    if wanted.account:
        yield "Account", wanted.account
    if wanted.reservation_id:
        yield "ReservationName", wanted.reservation_id
    for name, value in sorted(wanted.custom_attributes.items()):
        if name not in CUSTOM:
            raise OptionError(f"attributes.custom_attributes.{name}"[:120], f"there are: {', '.join(CUSTOM)}")
        yield CUSTOM[name], value


def _needed(wanted: ResourceSpec | None) -> Iterator[tuple[str, str]]:
    if wanted is None:
        return
    changeable = {"node_count": "NumNodes", "process_count": "NumTasks", "memory": "MinMemoryNode"}
    for name in sorted(wanted.model_fields_set - {"attributes"}):
        if name not in changeable:
            raise OptionError(f"resources.{name}", FIXED)
        value = getattr(wanted, name)
        if value is not None:
            yield changeable[name], str(-(-value // MEGABYTE) if name == "memory" else value)
