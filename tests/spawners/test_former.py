"""What a site asked for by `req_*` stands where a person chooses nothing, in Slurm's own writing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from facility.errors import OptionError, ProfileError
from facility.offer import Offer
from facility.profile import System
from spawners.form import Places, read_options, render_form
from spawners.form.page import Beside
from spawners.form.schema import schema
from spawners.former import former_defaults, slurm_minutes, whole_gigabytes
from spawners.usual import Usual

SHOWN = {"walltime": ("0:20", ""), "cpus_per_node": ("4", ""), "memory_gb": ("8", ""), "gpus_per_node": ("1", "1")}
SITE = {"account": "als", "qos": "debug", "partition": "exclusive", "nprocs": "4", "memory": "8G", "runtime": "0:20:00"}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("30:00", 30), ("8:00:00", 480), ("1-12", 2160), ("1-0:30", 1470), ("2-1:02:30", 2942.5)],
)
def test_a_time_is_read_as_sbatch_reads_it(text: str, minutes: float) -> None:
    """sbatch(1), --time: two numbers are minutes and seconds, after days they are hours and minutes."""
    assert minutes == slurm_minutes(text)


@pytest.mark.parametrize(("text", "gigabytes"), [("4096", 4), ("4G", 4), ("4gb", 4), ("2500M", 3), ("1T", 1024)])
def test_a_memory_is_read_as_sbatch_reads_it(text: str, gigabytes: int) -> None:
    """sbatch(1), --mem: megabytes, or with a letter; what is no whole number of GB is rounded up."""
    assert gigabytes == whole_gigabytes(text)


@pytest.mark.parametrize("field", ["runtime", "memory", "nprocs", "ngpus"])
def test_what_slurm_could_not_read_is_named(field: str) -> None:
    """The error names the field and what is expected."""
    with pytest.raises(ProfileError, match=f"req_{field} is a "):
        former_defaults({field: "plenty"})


def test_the_sites_word_stands_where_nothing_is_chosen(offer: Offer, system: System, now: datetime) -> None:
    """Account, QOS, partition, size and time are the operator's."""
    request = read_options({}, offer, system, now, former_defaults(SITE))

    assert ("als", "debug", "exclusive") == (request.account, request.qos, request.partition)
    assert (4, 8 * 1024, timedelta(minutes=20)) == (request.cpus_per_task, request.memory_mb, request.walltime)


def test_a_choice_goes_before_the_sites_word(offer: Offer, system: System, now: datetime) -> None:
    """An account brings its own QOS along, a reservation its own account and partition as well."""
    site = former_defaults(SITE)
    by_account = read_options({"account": "ncem"}, offer, system, now, site)
    inside = read_options({"reservation": "beam-042"}, offer, system, now, site)

    assert ("ncem", "regular", "exclusive") == (by_account.account, by_account.qos, by_account.partition)
    assert ("ncem", "regular", "main", 4) == (inside.account, inside.qos, inside.partition, inside.cpus_per_task)


def test_the_sites_time_is_shortened_to_what_is_left(offer: Offer, system: System, now: datetime) -> None:
    """A longer wish of the operator's is no reason to refuse a start."""
    request = read_options(
        {"qos": "debug", "account": "als"}, offer, system, now, former_defaults({"runtime": "8:00:00"})
    )

    assert timedelta(minutes=30) == request.walltime


def test_the_form_and_its_rules_say_the_sites_word(offer: Offer, system: System, now: datetime) -> None:
    """An empty field shows what stands for it; a count that is filled in is the operator's, so that it is sent."""
    site = former_defaults(SITE | {"ngpus": "1"})
    drawn = render_form(
        offer, system, now, asked={}, usual=Usual(), places=Places("/hub/"), beside=Beside(site=site)
    )  # fmt: skip
    fields = {name: re.search(rf'name="{name}"[^>]*?placeholder="([^"]*)" value="([^"]*)"', drawn) for name in SHOWN}

    assert SHOWN == {name: found.groups() for name, found in fields.items() if found}
    assert 20 == schema(offer, system, now, site)["properties"]["walltime"]["default"]


def test_a_word_that_a_person_may_not_use_is_refused_with_its_field(
    offer: Offer, system: System, now: datetime
) -> None:
    """As Slurm would refuse it, but before the job."""
    with pytest.raises(OptionError) as refusal:
        read_options({}, offer, system, now, former_defaults({"account": "cryo"}))
    assert "account" == refusal.value.field
