"""What a job is handed: its script, its warning, its server's environment."""

from __future__ import annotations

from datetime import timedelta

from facility.image_facts import ImageFact
from spawners.start.script import JobSide, batch_script, end_warning, environment_given

SIDE = JobSide(["python3", "-I", "/opt/job side.py"], "abc", "http://hub:8081/hub/api", "42000-42009")
TOOLS = ImageFact(name="tools", driver="module", title="Tools", activate=("module load tools",))
PLAIN = ImageFact(name="none", title="No container")


def test_a_script_holds_the_operators_text_and_the_jobs_side() -> None:
    """Words with spaces stay one word; the lines of what was chosen follow the operator's own."""
    text = batch_script("{{prologue}}\n{{cmd}}\n{{ended}}", {"prologue": "set -e"}, SIDE, TOOLS)

    assert text.decode().splitlines() == [
        "set -e",
        "export BEAMSIDE_ENVIRONMENT=tools",
        "module load tools",
        "python3 -I '/opt/job side.py' serve abc http://hub:8081/hub/api 42000-42009",
        "python3 -I '/opt/job side.py' ended abc http://hub:8081/hub/api",
    ]


def test_only_a_long_job_whose_script_listens_is_warned() -> None:
    """A warning that comes too early, or that nothing traps, would end the server."""
    assert end_warning(60, timedelta(minutes=4), "trap x USR1") == ["--signal=B:USR1@60"]
    assert [] == end_warning(60, timedelta(minutes=3), "trap x USR1")
    assert [] == end_warning(60, timedelta(minutes=4), "no trap")
    assert [] == end_warning(0, timedelta(minutes=4), "trap x USR1")


def test_what_the_chosen_lines_prepared_is_not_overwritten() -> None:
    """The hub's own PATH stays away from an environment that sets one, unless the operator set it for servers."""
    hubs = {"PATH": "/hub/bin", "LANG": "C.UTF-8", "UNSET": None}

    always = {"LANG": "C.UTF-8", "JUPYTERHUB_ACTIVITY_INTERVAL": "3600"}
    assert environment_given({"A": "1"}, hubs, PLAIN, ()) == {**always, "A": "1", "PATH": "/hub/bin"}
    assert environment_given({"A": "1"}, hubs, TOOLS, ()) == {**always, "A": "1"}
    assert environment_given({}, hubs, TOOLS, {"PATH"}) == {**always, "PATH": "/hub/bin"}


def test_a_site_says_how_often_servers_report_activity() -> None:
    """`Spawner.environment` goes before the default of an hour."""
    hubs = {"JUPYTERHUB_ACTIVITY_INTERVAL": "600"}

    assert hubs == environment_given({}, hubs, PLAIN, ())
