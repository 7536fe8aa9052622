"""Up and down of the whole demonstration. Both may be called any number of times, also after a crash of anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from beamside.demo import daemons, facility_service, hub, institution, processes, root_helper, secret_files, site, tiers
from beamside.demo.accounts import PEOPLE, Accounts, choose_accounts
from beamside.demo.changes import Changes
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.plan import CLIENT_ID, Plan, load_plan, make_plan, save_plan
from beamside.demo.slurm.cluster import SlurmCluster

Say = Callable[[str], None]
"""Told a line when something is done."""


class Demonstration:
    """Slurm, the home institution, the facility service, proxy and hub, below one prefix."""

    def __init__(self, layout: Layout, *, user_prefix: str = "") -> None:
        self.layout = layout
        self._user_prefix = user_prefix
        self._changes = Changes(layout.journal)

    def cluster(self, accounts: Accounts) -> SlurmCluster:
        """The Slurm of this demonstration."""
        kept = self.layout.last_log / "slurm"
        return SlurmCluster(self.layout.slurm, people=accounts.people, prefix=self.layout.prefix, kept_log=kept)

    def up(self, say: Say) -> Plan:
        """Bring up what does not run, and tell each part. A start that fails takes everything down again.

        Raises DemoError naming what is missing, taken or in the way.
        """
        self.layout.prefix.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self._locked():
            if not self.layout.is_complete.exists():
                self._take_down()  # what an interrupted `up` left
            try:
                return self._bring_up(say)
            except BaseException:
                self._take_down()
                raise

    def down(self) -> None:
        """End every process, take back every change to the machine, remove the state; the logs stay as `last-log`."""
        if self.layout.prefix.is_dir():
            with self._locked():
                self._take_down()

    def _bring_up(self, say: Say) -> Plan:
        plan = load_plan(self.layout) or self._begin()
        cluster = self.cluster(plan.accounts)
        cluster.up()
        say("Slurm with nine nodes")
        if not self.layout.is_complete.exists():
            self._configure(plan, cluster)
        hub.begin_certificates(self.layout, plan, cluster)
        for daemon in daemons.daemons(self.layout, plan, cluster):
            if daemon.name == "proxy":
                hub.wait_certificates(self.layout)
            daemons.ensure(self.layout, daemon)
            say(f"{daemon.name} at {daemon.url}")
        self.layout.is_complete.touch()
        return plan

    def _begin(self) -> Plan:
        """Choose the plan, and make the folders and service users that everything needs."""
        accounts = choose_accounts(self._user_prefix)
        state = secret_files.make_directory(self.layout.state, mode=0o755)
        for folder in (state / "run", self.layout.log, self.layout.secrets):
            secret_files.make_directory(folder)
        if os.geteuid() == 0:
            for name in accounts.services:
                self._changes.add_user(name, system=True)
        plan = make_plan(accounts)
        save_plan(self.layout, plan)
        return plan

    def _configure(self, plan: Plan, cluster: SlurmCluster) -> None:
        """Write every configuration file and secret. The people exist by now: Slurm's start made them."""
        self.layout.profile.write_text(site.profile_text(self.layout, plan, cluster.packages), encoding="utf-8")
        outages = self.layout.profile.with_name("outages.toml")
        outages.write_text(site.outages_text(datetime.now(UTC)), encoding="utf-8")
        for path in (self.layout.profile, outages):
            path.chmod(0o644)
        tiers.make(self.layout, [local for person in PEOPLE if (local := plan.accounts.local(person))])
        key = hub.write_configuration(self.layout, plan)
        client = institution.HubClient(CLIENT_ID, plan.redirect_uri, plan.hub_url, key)
        subjects = institution.write_configuration(self.layout, plan, client)
        facility_service.write_configuration(self.layout, plan, subjects, key)
        if os.geteuid() == 0:
            root_helper.install(self.layout, plan, cluster.packages, self._changes)

    def _take_down(self) -> None:
        """End the hub before Slurm, so that nothing new is submitted; accounts go last, when nothing runs as them."""
        layout = self.layout
        with contextlib.suppress(FileNotFoundError):
            known = (processes.recorded(layout.state, path.stem) for path in (layout.state / "run").glob("*.json"))
            processes.end({record.pid for record in known if record} | processes.marked(layout.state))
        plan = load_plan(layout)
        self.cluster(plan.accounts if plan else choose_accounts(self._user_prefix)).down()
        self._changes.undo()
        if (layout.slurm / "log").is_dir():
            layout.log.mkdir(mode=0o700, exist_ok=True)
            (layout.slurm / "log").rename(layout.log / "slurm")
        if layout.log.is_dir():
            shutil.rmtree(layout.last_log, ignore_errors=True)
            layout.log.rename(layout.last_log)
        for folder in (layout.state, layout.libexec):
            if folder.exists():
                shutil.rmtree(folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One `up` or `down` at a time below this prefix; the lock dies with its holder."""
        with self.layout.lock.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                words = f"another `beamside demo` is at work below {self.layout.prefix}; wait for it, or end it"
                raise DemoError(words) from None
            yield
