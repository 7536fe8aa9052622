"""The options of find_bragg_disks: py4DSTEM's names and defaults, checked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.errors import BadOption

Subpixel = Literal["none", "pixel", "poly", "multicorr"]
Filter = Callable[[NDArray[np.generic]], NDArray[np.generic]]
OptionValue = float | int | str | Filter | None


@dataclass(frozen=True)
class BraggOptions:
    """How disks are found in one pattern; the names are those that py4DSTEM's users know."""

    corrPower: float = 1.0
    """Power on the modulus of the correlation's spectrum: 1 cross correlation, 0 phase correlation."""
    sigma_dp: float = 0.0
    """Gaussian blur of the pattern before the correlation, pixels."""
    sigma_cc: float = 2.0
    """Gaussian blur of the correlation before maxima are sought, pixels; `sigma` is the same option."""
    subpixel: Subpixel = "multicorr"
    """`none` or `pixel`: whole pixels; `poly`: parabola; `multicorr`: Fourier upsampling and a parabola."""
    upsample_factor: int = 16
    """Steps a pixel of multicorr's grid; at least 3."""
    minAbsoluteIntensity: float = 0.0
    """Drop maxima of the correlation below this; 0 keeps all."""
    minRelativeIntensity: float = 0.005
    """Drop maxima below this fraction of the one named by relativeToPeak; 0 keeps all."""
    relativeToPeak: int = 0
    """Which maximum is the reference: 0 the brightest, 1 the next; with fewer maxima none is dropped."""
    minPeakSpacing: float = 60.0
    """Of two maxima closer than this the fainter goes, pixels; 0 keeps all."""
    edgeBoundary: int = 20
    """Maxima this close to the pattern's edge are dropped, pixels; at least 1 is."""
    maxNumPeaks: int | None = 70
    """Most disks a pattern, the brightest; None: no limit."""
    radial_bksb: bool = False
    """Subtract from each pattern the median of each ring around the origin, before anything else."""
    filter_function: Filter | None = None
    """Called with each pattern (qx, qy), after radial_bksb and before any blur; returns one of that shape."""

    @classmethod
    def from_keywords(cls, **keywords: OptionValue) -> BraggOptions:
        """Options from the keywords of a call, `sigma` meaning sigma_cc. Raises BadOption."""
        if keywords.get("sigma", 0) is None:
            del keywords["sigma"]
        if "sigma" in keywords:
            if "sigma_cc" in keywords and keywords["sigma_cc"] != keywords["sigma"]:
                raise BadOption("sigma and sigma_cc are one option; give only one of them")
            keywords["sigma_cc"] = keywords.pop("sigma")
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(keywords) - set(known))
        if unknown:
            raise BadOption(f"find_bragg_disks has no option {', '.join(unknown)}; it knows {', '.join(known)}, sigma")
        return cls(**keywords)  # type: ignore[arg-type]  # __post_init__ checks every value

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Raises BadOption."""
        if self.subpixel not in get_args(Subpixel):
            raise BadOption(f"subpixel is {self.subpixel!r}; choose one of {', '.join(get_args(Subpixel))}")
        for name in ("corrPower", "sigma_dp", "sigma_cc", "minAbsoluteIntensity", "minRelativeIntensity"):
            self._number(name, float, 0)
        self._number("minPeakSpacing", float, 0)
        self._number("upsample_factor", int, 3)
        self._number("relativeToPeak", int, 0)
        self._number("edgeBoundary", int, 0)
        if self.maxNumPeaks is not None:
            self._number("maxNumPeaks", int, 1)
        if self.corrPower > 1:
            raise BadOption(f"corrPower is {self.corrPower}; it lies between 0 and 1")
        if not isinstance(self.radial_bksb, bool):
            raise BadOption(f"radial_bksb is {self.radial_bksb!r}; choose True or False")
        if self.filter_function is not None and not callable(self.filter_function):
            raise BadOption(
                f"filter_function is {self.filter_function!r}; it must be a function of one pattern, or None"
            )

    def record(self) -> dict[str, float | int | str | None]:
        """Every option as JSON can hold it: of a filter function its source, or its name where there is none."""
        return {**asdict(self), "filter_function": self.filter_function and _source(self.filter_function)}

    def _number(self, name: str, kind: type[float] | type[int], least: int) -> None:
        """Store the option as a plain Python number, so that numpy scalars and 1.0 for 1 are welcome."""
        value = getattr(self, name)
        try:
            number = kind(value)
            if not (number == value and least <= number < float("inf")):
                raise ValueError
        except (TypeError, ValueError) as reason:
            noun = "a whole number" if kind is int else "a number"
            raise BadOption(f"{name} is {value!r}; it must be {noun} of at least {least}") from reason
        object.__setattr__(self, name, number)


def _source(function: Filter) -> str:
    """What a reader needs to make the function again."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # compiled, or an object that is called
        return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"
