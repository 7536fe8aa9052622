"""The one door for options: whatever a person asks for becomes a JobRequest here, or is refused with its field.

Form, REST, PATCH, presets and saved options all pass it. Pure: the Offer that drew the form makes the schema that
judges the answer, first what was chosen, then what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from facility.errors import OptionError
from facility.models import JobRequest
from facility.offer import Offer
from facility.profile import System
from spawners.form.answer import Answer, normal_form
from spawners.form.defaults import beside, default_partition, default_qos, entitlement_for, usual_walltime
from spawners.form.judge import refuse
from spawners.form.limits import time_inside
from spawners.form.schema import schema


def read_options(
    user_options: Mapping[str, object], offer: Offer, system: System, now: datetime, site: Answer | None = None
) -> JobRequest:
    """Judge what a person asked for against what the facility offers this person now.

    Every field may be left out; an empty mapping asks for the person's defaults. `site` is what the hub's operator has
    put in the place of some of them (see `spawners.former`).
    Raises OptionError with the field and the reason for the first choice that cannot be granted.
    """
    return Judge(offer, system, now, site).read(user_options)


class Judge:
    """What may be asked for by one person at one moment; makes the schema once for several answers."""

    def __init__(self, offer: Offer, system: System, now: datetime, site: Answer | None = None) -> None:
        self._site = site or {}
        self._offer = offer
        self._system = system
        self._now = now
        self._rules = schema(offer, system, now, self._site)

    def read(self, user_options: Mapping[str, object]) -> JobRequest:
        """See `read_options`."""
        chosen = normal_form(user_options)
        refuse(self._rules, chosen)
        whole = completed(chosen, self._offer, self._system, self._now, self._site)
        refuse(self._rules, whole)  # what stands for a choice that was left out has limits too
        return _request(whole)


def completed(chosen: Answer, offer: Offer, system: System, now: datetime, site: Answer) -> Answer:
    """A granted answer with the site's or else the person's defaults where nothing was chosen.

    Raises OptionError where no account, QOS, partition or image fits the choices.
    """
    usual = usual_walltime(system, site)
    chosen = beside({field: value for field, value in site.items() if field != "walltime"}, chosen)
    reservation = next((r for r in offer.reservations.value if r.name == chosen.get("reservation")), None)
    partition = next((p for p in offer.partitions.value if p.name == chosen.get("partition")), None)
    partition = partition or default_partition(offer, system, reservation)
    if partition is None:
        raise OptionError("partition", "there is no default partition here; choose one")
    account, qos = str(chosen.get("account", "")), str(chosen.get("qos", ""))
    paying = entitlement_for(offer, account=account, qos=qos, reservation=reservation, partition=partition)
    if paying is None:
        raise OptionError("account", f"{account or 'no account of yours'} may not be charged in {partition.name}")
    if not (qos := qos or default_qos(paying)):
        raise OptionError("qos", f"account {paying.account} has no QOS; choose another account")
    image = next((image.name for image in offer.images.value if image.runs_jupyter), None)
    if image is None:
        raise OptionError("image", "the facility offers no environment with Jupyter in it at the moment")
    defaults: Answer = {"account": paying.account, "qos": qos, "partition": partition.name, "image": image}
    whole = {**defaults, "nodes": 1, "gpus_per_node": 0, **chosen}
    whole.setdefault("walltime", _default_walltime(whole, offer, now, usual))
    return whole


def _default_walltime(whole: Answer, offer: Offer, now: datetime, usual: timedelta) -> float:
    """In minutes: what is usual, or less where the choices allow less."""
    limits = [usual]
    limits += [time_inside(r, now) for r in offer.reservations.value if r.name == whole.get("reservation")]
    limits += [q.max_walltime for q in offer.qos.value if q.name == whole["qos"] and q.max_walltime is not None]
    limits += [
        p.max_walltime for p in offer.partitions.value if p.name == whole["partition"] and p.max_walltime is not None
    ]
    return min(limits) / timedelta(minutes=1)


def _request(whole: Answer) -> JobRequest:
    memory_gb = whole.get("memory_gb")
    cpus = whole.get("cpus_per_node")
    return JobRequest(
        account=str(whole["account"]),
        qos=str(whole["qos"]),
        partition=str(whole["partition"]),
        walltime=timedelta(minutes=float(whole["walltime"])),
        nodes=int(whole["nodes"]),
        reservation=str(whole.get("reservation", "")),
        image=str(whole["image"]),
        cpus_per_task=None if cpus is None else int(cpus),  # one task a node
        memory_mb=None if memory_gb is None else int(memory_gb) * 1024,
        gpus_per_node=int(whole["gpus_per_node"]),
        mail_at_start="mail" in whole,
    )
