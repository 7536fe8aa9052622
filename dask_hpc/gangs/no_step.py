"""The stage of gangs with `isolation="step"` where there can be none: inside an image there is no srun."""

from __future__ import annotations

from typing import NoReturn

from distributed import Worker

from dask_hpc.errors import StepFailed
from dask_hpc.gangs.member import Function, Outcome, Part, Report


class NoStepStage:
    """Refuses every gang; `image` is what the ranks are in."""

    def __init__(self, image: str) -> None:
        self._image = image

    def attach(self, worker: Worker) -> None:
        """See `Stage.attach`: nobody comes to ask."""

    def run(self, part: Part, function: Function, arguments: tuple[Outcome, ...], failed: Report) -> NoReturn:
        """Raises StepFailed."""
        error = StepFailed(
            f'isolation="step" starts processes by srun, which is not inside {self._image}: '
            'use isolation="worker", or a cluster without an image'
        )
        failed(error)
        raise error
