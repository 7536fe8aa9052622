"""The ranks of a block, together again as one MPI world; what they hold stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.dask_hpc.kernels import joined

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

JOIN = (
    joined("regang")
    + """
from dask_hpc import GangError, NotEnoughRanks, RankLost, RegangFailed

def is_one_world():
    epochs = {name.partition(".")[2] for name in cluster.observed}
    return cluster.observed == cluster.plan and len(cluster.observed) == 3 and len(epochs) == 1

def total(comm):
    from mpi4py import MPI
    return [comm.allreduce(1), MPI.COMM_WORLD.size]

def die(comm):
    comm.Barrier()
    if comm.rank == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    comm.Barrier()

def count(number):
    import distributed
    distributed.get_worker().log_event("counted", number)
    return number
"""
)


@pytest.fixture(scope="module")
def three(ana: Notebooks) -> Iterator[Callable[[str], Any]]:
    """Run code in a kernel that has joined a cluster of one block with three ranks."""
    with ana.cluster("regang", "--ranks-per-node", "3", "--qos", "regular"):
        yield lambda code: ana.kernel(JOIN + code)


def test_by_hand_the_ranks_become_one_new_world_and_keep_their_results(three: Callable[[str], Any]) -> None:
    """The new ranks have a new epoch, all results are there, and nothing was computed twice."""
    found = three("""
until(is_one_world)
futures = client.map(count, range(30), pure=False)
gang = cluster.run_mpi(total)
gang.result(timeout=60)
client.gather(futures)
before = sorted(cluster.observed)
cluster.regang(0)
until(is_one_world)
runs = len(client.get_events("counted"))
answer = [before, sorted(cluster.observed), sum(client.gather(futures)), runs, gang[2].result(timeout=60),
          cluster.run_mpi(total).result(timeout=60)]
""")

    before, after, counted, runs, old, new = found
    assert not set(before) & set(after)
    assert len(after) == 3
    assert (counted, runs) == (435, 30)
    assert old == [3, 3]
    assert new == [[3, 3]] * 3


def test_a_gang_that_runs_ends_first(three: Callable[[str], Any]) -> None:
    """It keeps its ranks until it has ended, while a later one begins on the new ranks beside it."""
    found = three("""
from distributed import Event
def hold(comm):
    from distributed import Event
    comm.Barrier()
    if comm.rank == 0:
        Event("held").set()
        assert Event("let go").wait(250)
    return comm.allreduce(1)
until(is_one_world)
held = cluster.run_mpi(hold)
assert Event("held").wait(60)
import threading
asked = threading.Thread(target=cluster.regang, args=(0,))
asked.start()
beside = cluster.run_mpi(total).result(timeout=120)
is_waiting = asked.is_alive()
Event("let go").set()
answer = [held.result(timeout=60), beside, is_waiting]
asked.join(120)
answer.append(asked.is_alive())
until(is_one_world)
""")

    assert found == [[3] * 3, [[3, 3]] * 3, True, False]


def test_a_lost_rank_is_named_and_a_gang_of_all_ranks_gets_a_new_world(three: Callable[[str], Any]) -> None:
    """The survivors leave the collective with its name, and run gangs; one of all ranks waits for their new world."""
    found = three("""
until(is_one_world)
future = cluster.run_mpi(die)
error = future.exception(timeout=90)
each = sorted({type(one.exception(timeout=60)).__name__ for one in future})
after = cluster.run_mpi(lambda comm: comm.allreduce(1), ranks=2).result(timeout=60)
everybody = cluster.run_mpi(total).result(timeout=150)
try:
    cluster.run_mpi(total, ranks=4)
except NotEnoughRanks as refused:
    answer = [type(error).__name__, str(error), each, after, everybody, str(refused)]
until(is_one_world)
""")

    kind, words, each, after, everybody, refused = found
    assert kind == "RankLost"
    assert re.fullmatch(r"rank (0-2[.]\d+) was lost; block 0 has 2 of 3 ranks \(lost: \1\)", words)
    assert each == ["RankLost"]
    assert after == [2, 2]
    assert everybody == [[3, 3]] * 3
    assert refused.startswith("no block has 4 ranks: block 0 has ")


def test_an_idle_block_mends_its_world_by_itself(three: Callable[[str], Any]) -> None:
    """Nobody asks for a gang after the loss, and its ranks are one world again all the same."""
    found = three("""
until(is_one_world)
before = set(cluster.observed)
error = cluster.run_mpi(die).exception(timeout=90)
until(lambda: is_one_world() and not cluster.observed & before)
answer = [type(error).__name__, cluster.run_mpi(total).result(timeout=60)]
""")

    assert found == ["RankLost", [[3, 3]] * 3]


def test_the_world_is_new_before_communicators_run_out(three: Callable[[str], Any]) -> None:
    """Aborted gangs that leave what they made with MPI are counted; later gangs have all of MPI's again."""
    found = three("""
def leave(comm):
    made = [comm.Dup() for _ in range(300)]
    if comm.rank == 1:
        raise ValueError("no luck")
    comm.recv(source=1)
until(is_one_world)
before = set(cluster.observed)
kinds = {type(cluster.run_mpi(leave).exception(timeout=120)).__name__ for _ in range(4)}
until(lambda: is_one_world() and not cluster.observed & before)
kinds |= {type(cluster.run_mpi(leave).exception(timeout=120)).__name__ for _ in range(3)}
answer = [sorted(kinds), cluster.run_mpi(total).result(timeout=60)]
""")

    assert found == [["ValueError"], [[3, 3]] * 3]


def test_a_gang_that_gets_no_communicator_is_told(three: Callable[[str], Any]) -> None:
    """What tasks take from MPI behind our back is not counted: the next gang says so, and the one after is right."""
    found = three("""
def use_up():
    from mpi4py import MPI
    try:
        while True:
            MPI.COMM_SELF.Dup()
    except MPI.Exception:
        return "none left"
until(is_one_world)
before = set(cluster.observed)
used = sorted(client.run(use_up).values())
error = cluster.run_mpi(total).exception(timeout=120)
until(lambda: is_one_world() and not cluster.observed & before)
answer = [used, type(error).__name__, str(error), cluster.run_mpi(total).result(timeout=60)]
""")

    used, kind, words, after = found
    assert used == ["none left"] * 3
    assert kind == "GangError"
    assert "its ranks come back as a new MPI world" in words
    assert after == [[3, 3]] * 3


def test_what_cannot_be_brought_together_is_refused_in_words(three: Callable[[str], Any]) -> None:
    """A block that does not exist, and one with an actor, which cannot move; then nothing has changed."""
    found = three("""
class Counter:
    def add(self):
        return 1
until(is_one_world)
words, before = [], set(cluster.observed)
actor = client.submit(Counter, actor=True).result(timeout=60)
for block in (7, 0):
    try:
        cluster.regang(block)
    except RegangFailed as error:
        words.append(str(error))
del actor
answer = [*words, cluster.observed == before, cluster.run_mpi(total).result(timeout=60)]
""")

    nobody, acting, is_as_before, after = found
    assert nobody == "block 7 has no ranks that work; the blocks are [0]"
    assert "hold actors, which cannot move" in acting
    assert is_as_before
    assert after == [[3, 3]] * 3


def test_a_gang_calls_for_ranks_in_a_cluster_that_adapts(three: Callable[[str], Any]) -> None:
    """Where no rank is left, the gang is a load like any other: the ranks come, and it runs."""
    found = three("""
until(is_one_world)
cluster.adapt(minimum=0, maximum=3, interval="200 ms")
until(lambda: not cluster.observed and states() == ["empty"])
answer = cluster.run_mpi(total).result(timeout=150)
cluster.scale(3)
until(is_one_world)
""")

    assert found == [[3, 3]] * 3
