"""Gangs on a real MPI world over two nodes, beside Dask's own tasks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dask_hpc.gangs.conftest import Gangs

pytestmark = pytest.mark.slurm
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "dask.md"


def test_the_examples_of_the_reference_run(gangs: Gangs) -> None:
    """What the page shows of gangs is what happens."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Gangs\n")[2].partition("\n## ")[0]
    examples = "".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    found = gangs(
        examples
        + """
four = mean.with_options(ranks=4, timeout="1 minute")([1, 2, 3, 4])
answer = [energies.result(), summed.result(), four.result(), repr(four)]
"""
    )

    energies, summed, four, words = found
    assert energies == [[[250] * 4, 499500.0], *[[None, 499500.0]] * 3]
    assert summed == [1111.0] * 4
    assert (four, words) == ([2.5] * 4, "<MPIFuture mean: 4 ranks, finished>")


def test_a_function_runs_on_all_ranks_with_one_communicator(gangs: Gangs) -> None:
    """It is a true Intracomm of as many ranks as the cluster has, and the results come in the order of ranks."""
    found = gangs("""
def where(comm, word):
    from mpi4py import MPI
    return [comm.rank, comm.size, word, isinstance(comm, MPI.Intracomm), comm.allreduce(comm.rank + 1)]
answer = cluster.run_mpi(where, "beam").result(timeout=60)
""")

    assert [[rank, 4, "beam", True, 10] for rank in range(4)] == found


def test_a_gang_takes_part_of_the_ranks(gangs: Gangs) -> None:
    """A number takes any of a block, a list those ranks in that order; more than there are is refused by name."""
    found = gangs("""
def world_rank(comm):
    from mpi4py import MPI
    return [comm.rank, comm.size, MPI.COMM_WORLD.rank]
few = cluster.run_mpi(world_rank, ranks=2).result(timeout=60)
chosen = cluster.run_mpi(world_rank, ranks=[3, 1]).result(timeout=60)
try:
    cluster.run_mpi(world_rank, ranks=5)
except NotEnoughRanks as error:
    answer = [few, chosen, str(error)]
""")

    few, chosen, refusal = found
    assert [(rank, size) for rank, size, _ in few] == [(0, 2), (1, 2)]
    assert chosen == [[0, 2, 3], [1, 2, 1]]
    assert refusal == "no block has 5 ranks: block 0 has 4 of 4 ranks"


def test_futures_go_in_and_out(gangs: Gangs) -> None:
    """Each rank gets its own input, results are Dask futures for any other task, and arguments may be futures."""
    found = gangs("""
def spread(comm, mine, everybodys):
    return comm.allreduce(mine) + everybodys
parts = client.map(lambda x: 10 ** x, range(4), pure=False)
shared = client.submit(lambda: 5)
first = cluster.run_mpi(spread, shared, inputs=parts)
second = cluster.run_mpi(spread, 0, inputs=first)
one = client.submit(lambda x: -x, first[2])
answer = [first.result(timeout=60), second.result(timeout=60), one.result(timeout=60)]
""")

    assert found == [[1116] * 4, [4464] * 4, -1116]


def test_arrays_that_came_over_the_network_can_be_given_to_mpi(gangs: Gangs) -> None:
    """Dask may lay an array across its elements' bounds, which MPI cannot take."""
    found = gangs("""
import numpy as np
def summed(comm, mine):
    total = np.empty_like(mine)
    comm.Allreduce(mine, total)
    return [mine.flags.aligned, float(total[-1])]
def odd(value):
    return np.frombuffer(b"x" + np.full(1000, value).tobytes(), dtype="f8", offset=1)
there = client.map(odd, [1.0, 2.0, 3.0, 4.0], pure=False)
answer = cluster.run_mpi(summed, inputs=there[::-1]).result(timeout=60)
""")

    assert found == [[True, 10.0]] * 4


def test_gangs_in_opposite_order_do_not_deadlock(gangs: Gangs) -> None:
    """Twenty gangs that name the same ranks in opposite orders, sent without waiting, all end."""
    found = gangs("""
sent = [cluster.run_mpi(total, ranks=ranks) for _ in range(10) for ranks in ([0, 1, 2, 3], [3, 2, 1, 0])]
answer = [future.result(timeout=120) for future in sent]
""")

    assert found == [[4] * 4] * 20


def test_gangs_on_different_ranks_run_at_once(gangs: Gangs) -> None:
    """Two gangs of two ranks, each waiting for the other through Dask, both end."""
    found = gangs("""
def meet(comm, mine, theirs):
    from distributed import Event
    if comm.rank == 0:
        Event(mine).set()
        assert Event(theirs).wait(60)
    comm.Barrier()
    return comm.size
both = [cluster.run_mpi(meet, "a", "b", ranks=2), cluster.run_mpi(meet, "b", "a", ranks=2)]
answer = [future.result(timeout=90) for future in both]
""")

    assert found == [[2, 2], [2, 2]]


def test_an_exception_in_one_rank_frees_the_others(gangs: Gangs) -> None:
    """The rank's own error is raised, the others say which rank failed, and the next gang is right."""
    found = gangs("""
def fail(comm, when):
    if when == "at once" and comm.rank == 2:
        raise ValueError("no luck")
    comm.Barrier()
    if comm.rank == 2:
        raise ValueError("no luck")
    return comm.allreduce(1)
answer = []
for when in ("at once", "later"):
    future = cluster.run_mpi(fail, when)
    answer.append([error_of(future), [error_of(one) for one in future], cluster.run_mpi(total).result(timeout=60)])
""")

    for error, each, following in found:
        assert error == ["ValueError", "no luck"]
        assert each[0] == ["GangAborted", "rank 2 (0-2) failed: ValueError: no luck"]
        assert following == [4] * 4


def test_a_rank_that_waits_for_a_message_is_freed_too(gangs: Gangs) -> None:
    """Receiving, probing and sending to a rank that failed end, and no old message reaches the next gang."""
    found = gangs("""
import numpy as np
def wait(comm):
    if comm.rank == 0:
        comm.send("old", dest=1, tag=7)
        raise ValueError("no luck")
    if comm.rank == 1:
        comm.recv(source=3)
    elif comm.rank == 2:
        comm.Recv(np.empty(3), source=0, tag=5)
    else:
        comm.ssend("nobody takes this", dest=0)
def pass_on(comm):
    if comm.rank == 0:
        comm.send("new", dest=1, tag=7)
    return comm.recv(source=0, tag=7) if comm.rank == 1 else None
future = cluster.run_mpi(wait)
answer = [[error_of(one)[0] for one in future], cluster.run_mpi(pass_on).result(timeout=60)]
""")

    assert found == [["ValueError", *["GangAborted"] * 3], [None, "new", None, None]]


def test_a_cancelled_gang_ends_on_all_ranks(gangs: Gangs) -> None:
    """A gang that would wait for ever is cancelled, and the ranks are free for the next."""
    found = gangs("""
def hang(comm):
    from distributed import Event
    comm.Barrier()
    Event("hangs").set()
    comm.recv(source=(comm.rank + 1) % comm.size)
from distributed import Event
future = cluster.run_mpi(hang)
Event("hangs").wait(60)
future.cancel()
answer = cluster.run_mpi(total).result(timeout=60)
""")

    assert found == [4] * 4


def test_a_gang_ends_at_its_timeout(gangs: Gangs) -> None:
    """One that runs, one that waits for its ranks and one that waits for its inputs all say so."""
    found = gangs("""
from distributed import Event
def hang(comm):
    comm.recv(source=(comm.rank + 1) % comm.size)
runs = cluster.run_mpi(hang, timeout=4)
waits = cluster.run_mpi(total, timeout=1)
ends = Event("ends")
starves = cluster.run_mpi(total, inputs=[1, client.submit(ends.wait, 250, pure=False), 1, 1], timeout=1)
answer = [error_of(waits), error_of(starves), error_of(runs)]
ends.set()
answer.append(cluster.run_mpi(total).result(timeout=60))
""")

    (waited, waited_for), (starved, starved_of), (ran, _), following = found
    assert (waited, starved, ran, following) == (*["GangTimeout"] * 3, [4] * 4)
    assert "it waited for its inputs" in starved_of
    assert "it waited for ranks; in other gangs are 0-0, 0-1, 0-2, 0-3" in waited_for


def test_a_gang_whose_input_failed_never_begins(gangs: Gangs) -> None:
    """The failure of one rank's input is the gang's, whether or not the others have theirs."""
    found = gangs("""
def bad(x):
    if x == 1:
        raise ValueError("no input")
    return x
from distributed import Event
ends = Event("inputs end")
inputs = [client.submit(ends.wait, 250, pure=False), *client.map(bad, range(1, 4), pure=False)]
answer = [error_of(cluster.run_mpi(total, inputs=inputs))]
ends.set()
answer.append(cluster.run_mpi(total).result(timeout=60))
""")

    assert found == [["ValueError", "no input"], [4] * 4]


def test_the_worker_stays_responsive_in_a_collective(gangs: Gangs) -> None:
    """While three ranks wait in a pickled reduction, the event loop of each goes on."""
    found = gangs("""
def late(comm, seconds):
    if comm.rank == 0:
        time.sleep(seconds)
    return comm.allreduce(1), comm.raw.allreduce(1)
async def gap(dask_worker):
    import asyncio
    longest, last, ends = 0.0, time.monotonic(), time.monotonic() + 2.0
    while time.monotonic() < ends:
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest
future = cluster.run_mpi(late, 3.0)
gaps = client.run(gap)
answer = [sorted(gaps.values()), future.result(timeout=60)]
""")

    gaps, results = found
    assert results == [[4, 4]] * 4
    assert len(gaps) == 4
    assert max(gaps) < 1.5  # a loop that is held stands still for the whole two seconds


def test_kernels_hear_of_ranks_only_when_those_change(gangs: Gangs) -> None:
    """Thirty gangs on the same ranks are no news of ranks to anybody."""
    found = gangs("""
heard = []
cluster.run_mpi(total).result(timeout=60)
hear = client._stream_handlers["gang-ranks"]
client._stream_handlers["gang-ranks"] = lambda full: (heard.append(full), hear(full))
time.sleep(0.2)  # what the first gang asked for is told by then
before = len(heard)
for _ in range(30):
    cluster.run_mpi(total).result(timeout=60)
answer = [before, heard]
""")

    before, heard = found
    assert heard[before:] == []
