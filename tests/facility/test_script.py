"""From a JobRequest to sbatch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facility.errors import ProfileError
from facility.models import JobRequest
from facility.script import render_script, sbatch_options, slurm_time

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(minutes=90))


def test_only_what_was_chosen_becomes_an_option() -> None:
    """What is empty is left to Slurm's defaults."""
    assert ["--account=ncem", "--qos=realtime", "--partition=main", "--time=0-01:30:00", "--nodes=1"] == sbatch_options(
        REQUEST
    )


def test_every_choice_has_its_option() -> None:
    """Nothing that a person chose is lost."""
    full = JobRequest("a", "q", "p", timedelta(days=1), 4, "beam-042", "none", "gpu", 8, 32000, 2)

    options = sbatch_options(full)

    assert {"--reservation=beam-042", "--constraint=gpu", "--cpus-per-task=8", "--mem=32000M"} <= set(options)
    assert {"--gpus-per-node=2", "--nodes=4", "--time=1-00:00:00"} <= set(options)


@pytest.mark.parametrize(
    ("span", "told"),
    [(timedelta(seconds=59.9), "0-00:00:59"), (timedelta(hours=25, minutes=1), "1-01:01:00")],
)
def test_a_walltime_is_never_rounded_up(span: timedelta, told: str) -> None:
    """A job that ends with its reservation must not be asked for longer than that."""
    assert told == slurm_time(span)


def test_facts_are_quoted_for_the_shell() -> None:
    """A fact with a blank or a dollar sign stays one word."""
    script = render_script("#!/bin/bash\nexec @PYTHON@ -m x\n", {"PYTHON": "/opt/my env/$py"})

    assert b"#!/bin/bash\nexec '/opt/my env/$py' -m x\n" == script


@pytest.mark.parametrize(
    ("template", "facts"),
    [
        ("#!/bin/sh\n@A@\n", {}),
        ("#!/bin/sh\n", {"A": "1"}),
        ("echo @A@\n", {"A": "1"}),
        ("#!/bin/sh\n@A@\n", {"A": "1\nrm"}),
    ],
)
def test_a_template_that_does_not_fit_its_facts_is_refused(template: str, facts: dict[str, str]) -> None:
    """A place without a fact, a fact without a place, no interpreter, and a newline in a fact are errors."""
    with pytest.raises(ProfileError):
        render_script(template, facts)
