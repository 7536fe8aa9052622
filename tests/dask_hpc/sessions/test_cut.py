"""The network between a kernel and its scheduler is cut: a real cluster of this machine, a real relay between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dask
import pytest
from distributed import Client, Future
from distributed.core import Status

from beamside.demo.processes import wait_until
from dask_hpc import MPICluster
from dask_hpc.sessions import dialling
from facility.clusters import ClusterRecord, read_record, remove_record, write_record
from tests.dask_hpc.laptop import move_to
from tests.dask_hpc.relay import Relay

SECONDS = 60.0
PATIENCE = 30  # seconds that a client may be away in these tests


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """A laptop of our own for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        move_to(tmp_path_factory.mktemp("laptop"), patch)
        yield patch


@pytest.fixture(scope="module")
def network(place: pytest.MonkeyPatch) -> Iterator[Relay]:
    """What lies between this kernel and the scheduler of cluster "cut"; nothing of Dask's goes past it."""
    with dask.config.set({"dask_hpc.lost-client-timeout": f"{PATIENCE} s"}), MPICluster("cut") as cluster:
        cluster.wait_for_workers(timeout=SECONDS)
        with Relay(int(read_record("cut").scheduler_address.rpartition(":")[2])) as relay:

            def behind(name: str) -> ClusterRecord:
                return replace(read_record(name), scheduler_address=relay.address)

            place.setattr(dialling, "read_record", behind)
            yield relay
            place.setattr(dialling, "read_record", read_record)


@pytest.fixture
def client(network: Relay) -> Iterator[Client]:
    """A kernel's client beyond the relay."""
    network.heal()
    with MPICluster.from_name("cut") as cluster, cluster.get_client() as client:
        yield client


def slow(number: int) -> int:
    """A task that takes part of a cut."""
    time.sleep(0.02)
    return number


def results(futures: list[Future]) -> list[int]:
    """What they came to, within the time of a test."""
    return [future.result(timeout=SECONDS) for future in futures]


def test_every_future_outlives_a_cut(client: Client, network: Relay) -> None:
    """Sixty of sixty finish, and none of them ran twice; what is submitted during the cut runs after it."""
    futures = client.map(slow, range(60), pure=False)
    network.cut()
    later = client.map(slow, range(100, 110), pure=False)
    threading.Timer(3.0, network.heal).start()

    assert results(futures) == list(range(60))
    assert results(later) == list(range(100, 110))
    assert client.status == "running"


def gated(number: int, gate: str) -> int:
    """A task that ends when somebody lets it."""
    while not Path(gate).exists():
        time.sleep(0.02)
    return number


def test_what_was_finished_during_the_cut_is_known_after_it(client: Client, network: Relay, tmp_path: Path) -> None:
    """The scheduler keeps what the client wants, and tells it when it is back."""
    gate = tmp_path / "gate"
    assert client.submit(slow, 1, pure=False).result(timeout=SECONDS) == 1
    futures = client.map(gated, range(20), gate=str(gate), pure=False)
    wait_until(
        lambda: client.run_on_scheduler(known, [future.key for future in futures]),
        seconds=SECONDS,
        otherwise=lambda: "they never reached the scheduler",
    )
    network.cut()
    gate.touch()
    with Client(read_record("cut").scheduler_address, security=client.security, set_as_default=False) as beside:
        wait_until(
            lambda: beside.run_on_scheduler(in_memory, [future.key for future in futures]),
            seconds=SECONDS,
            otherwise=lambda: "they did not all run",
        )
    assert {future.status for future in futures} == {"pending"}
    network.heal()

    assert results(futures) == list(range(20))


def known(keys: list[str], dask_scheduler: object = None) -> bool:
    """Whether the scheduler has heard of all of these."""
    return set(keys) <= set(dask_scheduler.tasks)  # type: ignore[attr-defined]  # Dask's scheduler


def in_memory(keys: list[str], dask_scheduler: object = None) -> bool:
    """Whether all of these are computed."""
    tasks = dask_scheduler.tasks  # type: ignore[attr-defined]  # Dask's scheduler
    return all(key in tasks and tasks[key].state == "memory" for key in keys)


def test_a_result_on_its_way_outlives_a_cut(client: Client, network: Relay) -> None:
    """What the scheduler was sending when the line broke is sent again."""
    large = client.submit(bytes, 30_000_000)
    large.exception(timeout=SECONDS)
    got: list[bytes] = []
    gathering = threading.Thread(target=lambda: got.append(large.result()))
    gathering.start()
    for _ in range(3):
        network.cut()
        network.heal()
    gathering.join(SECONDS)

    assert [len(found) for found in got] == [30_000_000]


def test_the_cluster_is_seen_as_it_is_after_a_cut(client: Client, network: Relay) -> None:
    """The handle's own lines come back too: workers are known, and a wish is heard."""
    cluster = client.cluster
    network.cut()
    threading.Timer(1.0, network.heal).start()

    cluster.scale(blocks=1)

    assert (cluster.status, len(cluster.scheduler_info["workers"])) == (Status.running, 1)


def test_a_client_that_says_goodbye_is_not_waited_for(client: Client, network: Relay) -> None:
    """Its keys go with it at once, not after `lost-client-timeout`."""
    leaving = Client(client.cluster, set_as_default=False)
    name = leaving.id
    assert name in client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.clients))

    leaving.close()

    wait_until(
        lambda: name not in client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.clients)),
        seconds=PATIENCE / 2,
        otherwise=lambda: "it is still waited for",
    )


def test_a_cluster_that_ends_during_a_cut_is_told_as_ended(client: Client, network: Relay) -> None:
    """The record says more than the network; nobody waits for a scheduler that will not come back."""
    future = client.submit(time.sleep, 600)
    record = read_record("cut")
    network.cut()
    remove_record("cut")

    with pytest.raises(Exception, match="connection to the scheduler"):
        future.result(timeout=SECONDS)
    write_record(record)
    network.heal()
