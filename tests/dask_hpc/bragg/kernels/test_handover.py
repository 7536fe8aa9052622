"""The plain tier works at once; the compiled one takes over when it is ready, and only then."""

from __future__ import annotations

from threading import Event

from dask_hpc.bragg import BraggOptions, synthetic_kernel
from dask_hpc.bragg.kernels import DTYPE, Handover, Plan, make_plan


def plan(precision: str = "double") -> Plan:
    """For small patterns."""
    return make_plan(synthetic_kernel(4, (32, 32)), BraggOptions(edgeBoundary=4), DTYPE[precision])


def test_the_plain_tier_works_until_the_compiled_one_is_ready() -> None:
    """No call waits; each precision is made ready once."""
    done, begun = Event(), []

    def make_ready(given: Plan) -> None:
        begun.append(given.dtype)
        assert done.wait(30)

    handover = Handover(make_ready)

    before = [handover.tier(plan()), handover.tier(plan())]
    done.set()
    assert handover.wait_ready(plan(), timeout=30)
    after = [handover.tier(plan()), handover.tier(plan("single"))]

    assert (["numpy", "numpy"], ["numba", "numpy"]) == (before, after)
    assert handover.wait_ready(plan("single"), timeout=30)
    assert [DTYPE["double"], DTYPE["single"]] == begun


def test_a_tier_that_cannot_be_compiled_is_told_and_the_plain_one_goes_on(caplog) -> None:
    """The reason stands in the log; nothing is lost, nothing is tried again."""

    def make_ready(_: Plan) -> None:
        raise RuntimeError("no locator available")

    handover = Handover(make_ready)
    handover.tier(plan())

    assert not handover.wait_ready(plan(), timeout=30)
    assert "numpy" == handover.tier(plan())
    assert "numpy goes on" in caplog.text
    assert "no locator available" in caplog.text


def test_the_real_compiled_tier_becomes_ready() -> None:
    """With numba and rocket-fft installed it takes over."""
    handover = Handover()
    handover.tier(plan())

    assert handover.wait_ready(plan(), timeout=120)
    assert "numba" == handover.tier(plan())
