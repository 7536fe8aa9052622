"""The tour: what ana does on the night of her experiment, in a real browser, and what Slurm says of it afterwards."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as BrowserError

from beamside.demo.accounts import ANA, KIM
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.plan import Plan, load_plan
from beamside.demo.site import ANNOUNCED
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.tour import accounting, hub, lab, pages
from beamside.demo.tour.browser import open_browser
from beamside.demo.tour.record import Recorder, Step, check
from beamside.demo.tour.scan import place_scan

RESERVATION = "ncem-tonight"
LATER = ("ana-tomorrow", "als-later")
OTHERS = "staff-now"
ACCOUNT = "ncem"
NOTEBOOK_QOS, CLUSTER_QOS = "interactive", "realtime"
WALLTIME = "2:00"
NODES, RANKS_PER_NODE = 2, 2
NOTEBOOKS = ("bragg-disks.ipynb", "join-cluster.ipynb")


def take_tour(layout: Layout, *, output: Path, scan: Path | None) -> int:
    """Take the whole tour; 0 only when every step held. Pictures and tour.json go to `output`."""
    plan = load_plan(layout)
    if plan is None or not layout.is_complete.exists():
        raise DemoError(f"nothing is up below {layout.prefix}; bring it up first: beamside demo up")
    tour = Tour(layout, plan, Recorder(output, {"synthetic": scan is None, "scan": str(scan) if scan else None}))
    try:
        with open_browser(layout) as browser:
            tour.take(browser, scan)
    except (DemoError, BrowserError, AssertionError) as error:
        print(f"the tour stopped: {str(error).strip()}")
        tour.cancel_jobs()
    print(f"pictures and tour.json: {output}")
    return 0 if tour.record.all_held else 1


class Tour:
    """The steps, in order; each asserts what its name claims."""

    def __init__(self, layout: Layout, plan: Plan, record: Recorder) -> None:
        self.layout = layout
        self.plan = plan
        self.record = record
        self.user = plan.accounts.local(ANA)
        self.scratch = layout.scratch / self.user
        self.cluster = SlurmCluster(layout.slurm, people=plan.accounts.people, prefix=layout.prefix)
        self.page: Page
        self.browser: Browser
        self.earlier_job = ""
        self.notebook_job = ""
        self.cluster_job = ""

    @property
    def hub(self) -> str:
        """Where the hub answers."""
        return self.plan.hub_url

    @property
    def server(self) -> str:
        """Where ana's notebook server answers."""
        return f"{self.hub}user/{self.user}/"

    def take(self, browser: Browser, scan: Path | None) -> None:
        """Every step. The first that does not hold ends the tour with its error."""
        with self.step("put the scan and the notebooks where ana works"):
            self.place_files(scan)
        self.browser = browser
        # reduced motion: a picture taken during an animation shows half of it
        self.page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        self.page.set_default_timeout(30_000)
        lab.decline_news(self.page)
        self.page.add_init_script(f"({hub.TELL_PROGRESS})()")
        # as an ordinary user there is nobody but ana
        seen = ("kim, an operator, sees who runs what where", self.look_at_operations)
        operators = [seen] if self.plan.accounts.local(KIM) else []
        for name, act in (
            ("sign in as ana at the home institution", self.sign_in),
            ("the home page announces what comes, and says what ana's servers do", self.look_home),
            ("identities and keys: the sign-ins that lead to ana's account", self.look_at_keys),
            ("the spawn form shows accounts, QOS, images and ana's reservations", self.look_at_form),
            ("a start that waits is called off on its page, and its end is named", self.call_off),
            ("start a notebook in the active reservation; progress names job, state and reason", self.start),
            ("JupyterLab opens inside the Slurm job on a virtual node", self.open_lab),
            ("the jobs panel shows the job live", self.look_at_jobs),
            *operators,
            ("a notebook starts MPICluster: realtime QOS, two nodes, two ranks each", self.start_cluster),
            ("find_bragg_disks over the scan, with a picture of disks and a map", self.find_disks),
            ("a second notebook's kernel joins the cluster by name, then closes it", self.join_cluster),
            ("stop the server; the page at its address says how it ended", self.stop),
            ("Slurm's accounting shows both jobs ended as expected", self.look_at_accounting),
            ("a control job without the reservation lands outside it", self.control),
        ):
            with self.step(name) as step:
                act(step)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """One step, with a picture of the page where it does not hold."""

        def picture(step: Step) -> None:
            if hasattr(self, "page"):
                self.picture(step, "failed")

        with self.record.step(name, picture) as step:
            yield step

    def picture(self, step: Step, name: str, page: Page | None = None) -> None:
        """Keep what the page shows."""
        path = self.record.output / f"{name}.png"
        (page or self.page).screenshot(path=path)
        step.pictures.append(path.name)

    def place_files(self, scan: Path | None) -> None:
        """The scan, synthetic or real, and fresh copies of the example notebooks."""
        for old in (*self.scratch.glob("*.json"), *self.scratch.glob("*.png")):
            old.unlink()
        placed = [place_scan(self.scratch, scan)]
        placed += [Path(shutil.copyfile(examples() / name, self.scratch / name)) for name in NOTEBOOKS]
        if os.geteuid() == 0:
            for path in placed:
                shutil.chown(path, self.user, self.user)

    # ---- the steps

    def sign_in(self, step: Step) -> None:
        password = self.layout.password(ANA.login).read_text(encoding="utf-8").strip()
        hub.sign_in(self.page, self.hub, ANA.login, password)
        check(self.page.url.startswith(self.plan.issuer), f"the sign-in page is {self.page.url}, not the institution's")
        self.picture(step, "sign-in")
        hub.submit_sign_in(self.page, self.hub)
        known = hub.server_of(self.page, self.hub, self.user)
        check(known.get("name") == self.user, f"the hub signed in {known.get('name')!r} in place of {self.user}")
        if known.get("servers"):  # of a tour that was killed
            hub.stop_server(self.page, self.hub)
        self.cancel_jobs()
        step.facts["user"] = self.user

    def look_home(self, step: Step) -> None:
        step.facts["server"] = pages.look_home(self.page, self.hub, ANNOUNCED)
        self.picture(step, "home")

    def look_at_keys(self, step: Step) -> None:
        step.facts["sign-ins"] = pages.look_at_keys(self.page, self.hub)
        self.picture(step, "identities")

    def look_at_form(self, step: Step) -> None:
        hub.open_form(self.page, self.hub)
        shown = hub.read_form(self.page)
        badges = dict(zip(shown["reservation"], shown["badge"], strict=True))
        check("left" in badges.get(RESERVATION, ""), f"{RESERVATION} is not shown with its time left: {badges}")
        for name in LATER:
            check("starts in" in badges.get(name, ""), f"{name} is not shown as one that starts later: {badges}")
        existing = accounting.reservation_names(self.cluster)
        check(OTHERS in existing, f"the reservation {OTHERS} of others does not exist")
        check(OTHERS not in badges, f"{OTHERS}, a reservation of others, appears on ana's form")
        check({"ncem", "als"} <= set(shown["account"]), f"ana's accounts are missing: {shown['account']}")
        check({"realtime", "interactive", "regular"} <= set(shown["qos"]), f"ana's QOS are missing: {shown['qos']}")
        check("none" in shown["image"], f"no image is offered: {shown['image']}")
        self.choose()
        step.facts["cost"] = hub.read_cost(self.page, WALLTIME)
        self.picture(step, "spawn-form")
        step.facts["reservations"] = [f"{name}: {badge}" for name, badge in badges.items() if name]
        step.facts["qos"] = shown["qos"]

    def choose(self) -> None:
        """Fill in the form."""
        hub.choose(self.page, reservation=RESERVATION, account=ACCOUNT, qos=NOTEBOOK_QOS, walltime=WALLTIME)

    def call_off(self, step: Step) -> None:
        # an earlier job of hers still fills the reservation, so that there is something to wait for
        self.earlier_job = accounting.fill_reservation(self.cluster, self.user, RESERVATION)
        hub.start(self.page)
        job = hub.wait_for_reason(self.page)[1]
        step.facts["asked"] = pages.cancel_start(self.page, self.hub)
        told = pages.read_end(self.page, self.hub, self.server)
        check(job in told, f"the page at the server's address says nothing of job {job}: {told}")
        self.picture(step, "called-off")
        step.facts |= {"job": job, "told": told}

    def start(self, step: Step) -> None:
        hub.open_form(self.page, self.hub)
        expect(self.page.get_by_role("button", name="Start again: As last time")).to_be_visible()
        self.picture(step, "start-again")
        self.choose()
        hub.start(self.page)
        words = hub.wait_for_reason(self.page)
        self.picture(step, "progress")
        self.cluster.run("scancel", self.earlier_job)
        self.page.wait_for_url(f"{self.server}**", timeout=180_000)
        self.notebook_job = words[1]
        check("reserv" in words[2] or "node" in words[2], f"the progress page told another reason: {words[0]}")
        step.facts |= {"job": self.notebook_job, "reason": words[2], "told": hub.told(self.page)}

    def open_lab(self, step: Step) -> None:
        lab.wait_restored(self.page)
        found = accounting.job(self.cluster, self.notebook_job)
        check(found is not None, f"Slurm's accounting does not know job {self.notebook_job}")
        assert found is not None  # noqa: S101 - told to the type checker; check() has made sure
        check(found.state == "RUNNING", f"job {self.notebook_job} is {found.state}, not RUNNING")
        check(found.user == self.user, f"job {self.notebook_job} belongs to {found.user}")
        inside = accounting.reservation_nodes(self.cluster, RESERVATION)
        check(found.nodelist in inside, f"the notebook runs on {found.nodelist}, outside {RESERVATION}")
        step.facts |= {"job": self.notebook_job, "node": found.nodelist}

    def look_at_jobs(self, step: Step) -> None:
        lab.open_jobs_panel(self.page)
        row = lab.job_row(self.page, self.notebook_job)
        lab.wait_row(row, "Running")
        step.facts["row"] = row.inner_text().replace("\n", " · ")
        self.picture(step, "jobs-panel")

    def look_at_operations(self, step: Step) -> None:
        password = self.layout.password(KIM.login).read_text(encoding="utf-8").strip()
        context = pages.enter_as(self.browser, self.hub, KIM.login, password)
        try:
            step.facts["server"] = pages.look_at_operations(context.pages[0], self.hub, self.user)
            self.picture(step, "operations", context.pages[0])
        finally:
            context.close()
        check(self.notebook_job in str(step.facts["server"]), f"job {self.notebook_job} is not there: {step.facts}")

    def start_cluster(self, step: Step) -> None:
        lab.open_notebook(self.page, self.server, NOTEBOOKS[0])
        lab.open_jobs_panel(self.page)
        lab.run_all_cells(self.page)
        words = lab.wait_output(
            self.page, self.server, NOTEBOOKS[0], r"cluster bragg: 4 ranks in job (\d+), QOS (\w+)", seconds=180
        )
        self.cluster_job = words[1]
        check(words[2] == CLUSTER_QOS, f"the cluster runs in QOS {words[2]}")
        # nobody reloaded the page: the panel learnt of the new job by itself
        row = lab.job_row(self.page, self.cluster_job)
        lab.wait_row(row, "Running")
        lab.show_heading(self.page, "A cluster of MPI ranks")
        lab.open_jobs_panel(self.page)
        lab.wait_row(row, "Running")
        self.picture(step, "cluster")
        step.facts |= {"job": self.cluster_job, "qos": words[2], "ranks": NODES * RANKS_PER_NODE}

    def find_disks(self, step: Step) -> None:
        lab.wait_all_run(self.page, self.server, NOTEBOOKS[0], seconds=300)
        lab.show_heading(self.page, "One pattern, and all of them")
        lab.open_jobs_panel(self.page)
        self.picture(step, "bragg-disks-notebook")
        result = self.result("bragg-disks")
        self.keep_pictures(step, "bragg-disks.png", "bragg-map.png", "strain-map.png")
        hosts = {words.rpartition(" ")[2] for words in result["ranks"]}
        check((len(hosts), len(result["ranks"])) == (NODES, NODES * RANKS_PER_NODE), f"the ranks are {result['ranks']}")
        check(result["notebook_job"] == self.notebook_job, f"the kernel runs in job {result['notebook_job']}")
        check(result["disks"] > 0, "no Bragg disk was found")
        check(result["synthetic"] == self.record.is_synthetic, "the result does not say whether the scan is synthetic")
        if result["synthetic"]:
            check(result["rms_error_px"] < 0.25, f"the disks are off by {result['rms_error_px']} px")
        step.facts |= result

    def join_cluster(self, step: Step) -> None:
        first = self.result("bragg-disks")
        lab.open_notebook(self.page, self.server, NOTEBOOKS[1])
        lab.run_all_cells(self.page)
        lab.wait_all_run(self.page, self.server, NOTEBOOKS[1], seconds=180)
        joined = self.result("join-cluster")
        check(joined["scheduler"] == first["scheduler"], "the second kernel reached another scheduler")
        check(joined["ranks"] == NODES * RANKS_PER_NODE, f"the second kernel saw {joined['ranks']} ranks")
        lab.show_heading(self.page, "Something else on the same ranks")
        lab.open_jobs_panel(self.page)
        lab.show_last_picture(self.page)
        self.picture(step, "join-cluster-notebook")
        self.keep_pictures(step, "join-cluster.png")
        step.facts |= joined

    def stop(self, step: Step) -> None:
        hub.stop_server(self.page, self.hub)
        told = pages.read_end(self.page, self.hub, self.server)
        check(self.notebook_job in told, f"the page at the server's address says {told}")
        self.picture(step, "stopped")
        step.facts["told"] = told

    def look_at_accounting(self, step: Step) -> None:
        uid = self.layout.scratch.joinpath(self.user).stat().st_uid
        notebook = accounting.wait_ended(self.cluster, self.notebook_job, seconds=60)
        cluster = accounting.wait_ended(self.cluster, self.cluster_job, seconds=60)
        for found, state, qos, nodes in (
            (notebook, f"CANCELLED by {uid}", NOTEBOOK_QOS, 1),
            (cluster, "COMPLETED", CLUSTER_QOS, NODES),
        ):
            told = (found.state, found.user, found.account, found.qos, found.reservation, found.nnodes)
            expected = (state, self.user, ACCOUNT, qos, RESERVATION, str(nodes))
            check(told == expected, f"job {found.jobid}: the accounting says {told}, expected is {expected}")
            step.facts[f"job {found.jobid}"] = " ".join(told)

    def control(self, step: Step) -> None:
        found = accounting.run_control_job(self.cluster, self.user)
        inside = accounting.reservation_nodes(self.cluster, RESERVATION)
        flags = accounting.reservation_facts(self.cluster, RESERVATION).get("Flags", "")
        check("MAGNETIC" not in flags, f"{RESERVATION} is magnetic, so its jobs prove nothing: {flags}")
        check(found.state == "COMPLETED" and not found.reservation, f"the control job: {found}")
        where = accounting.nodes_of(self.cluster, found.nodelist)
        check(not where & inside, f"the control job ran on {found.nodelist}, inside {RESERVATION}")
        step.facts |= {"job": found.jobid, "node": found.nodelist}

    def keep_pictures(self, step: Step, *names: str) -> None:
        """Copy what a notebook drew; a scan of few positions has no strain map."""
        for name in names:
            if (self.scratch / name).exists():
                shutil.copyfile(self.scratch / name, self.record.output / name)
                step.pictures.append(name)

    def result(self, name: str) -> dict[str, Any]:
        """What a notebook wrote."""
        path = self.scratch / f"{name}.json"
        check(path.exists(), f"the notebook wrote no {path.name}")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def cancel_jobs(self) -> None:
        """Cancel what a tour that stopped early left running, so that the next one begins as this one did."""
        for job_id in self.cluster.run("squeue", "-h", "-u", self.user, "-o", "%i").split():
            self.cluster.run("scancel", job_id)


def examples() -> Path:
    """The example notebooks: beside the package in a clone, inside it when installed."""
    inside = Path(__file__).parents[2] / "examples"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "examples"
