"""Messages that shall not wait for company: Dask sends those of a few milliseconds together; a gang has many hops."""

from __future__ import annotations

from distributed.batched import BatchedSend


def hurry(stream: BatchedSend | None) -> None:
    """Send now what waits in the stream; it goes on batching what comes later."""
    if stream is not None and stream.buffer:
        stream.next_deadline = None
        stream.waker.set()
