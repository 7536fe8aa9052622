"""Options are py4DSTEM's, and what cannot be meant is refused in words."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from dask_hpc.bragg import BraggOptions
from dask_hpc.bragg.errors import BadOption

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "bragg.md"


def test_the_call_of_2020_still_means_the_same() -> None:
    """The keywords of the seed notebook are taken word for word."""
    options = BraggOptions.from_keywords(
        corrPower=0.8, sigma=2, edgeBoundary=20, minRelativeIntensity=0.001, minPeakSpacing=50, maxNumPeaks=70
    )

    assert BraggOptions(corrPower=0.8, minRelativeIntensity=0.001, minPeakSpacing=50) == options


def test_numpy_numbers_become_plain_ones() -> None:
    """Values computed by numpy are stored as Python's, so that provenance can be written as JSON."""
    options = BraggOptions.from_keywords(edgeBoundary=np.int64(5), sigma_cc=np.float32(1.5), maxNumPeaks=7.0)

    assert [int, float, int] == [type(options.edgeBoundary), type(options.sigma_cc), type(options.maxNumPeaks)]


def test_a_filter_is_recorded_by_its_source() -> None:
    """JSON holds what a reader needs to make it again: the text, or the name where there is no text."""

    def halved(pattern: np.ndarray) -> np.ndarray:
        return pattern / 2

    assert "return pattern / 2" in BraggOptions(filter_function=halved).record()["filter_function"]
    assert "numpy.sqrt" == BraggOptions(filter_function=np.sqrt).record()["filter_function"]
    assert BraggOptions().record()["filter_function"] is None


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"CUDA": True}, "find_bragg_disks has no option CUDA; it knows corrPower"),
        ({"subpixel": "gauss"}, "choose one of none, pixel, poly, multicorr"),
        ({"corrPower": 1.5}, "lies between 0 and 1"),
        ({"sigma": -1}, "sigma_cc is -1; it must be a number of at least 0"),
        ({"sigma": 1, "sigma_cc": 2}, "sigma and sigma_cc are one option"),
        ({"edgeBoundary": 2.5}, "edgeBoundary is 2.5; it must be a whole number"),
        ({"maxNumPeaks": 0}, "maxNumPeaks is 0; it must be a whole number of at least 1"),
        ({"upsample_factor": 2}, "at least 3"),
        ({"minPeakSpacing": "wide"}, "minPeakSpacing is 'wide'"),
        ({"minRelativeIntensity": float("nan")}, "minRelativeIntensity is nan"),
        ({"radial_bksb": 1}, "radial_bksb is 1; choose True or False"),
        ({"filter_function": "sqrt"}, "filter_function is 'sqrt'; it must be a function of one pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused(keywords, words) -> None:
    """The message names the option and what it can be."""
    with pytest.raises(BadOption, match=re.escape(words)):
        BraggOptions.from_keywords(**keywords)


def test_the_reference_page_lists_every_option_with_its_default() -> None:
    """docs/reference/bragg.md and the code name the same options and defaults."""
    table = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))

    for field in fields(BraggOptions):
        assert table.pop(field.name) == repr(field.default).strip("'"), field.name
    assert {"sigma", "origin", "client", "verbose", "tier", "precision", "name", "journal"} == set(table)
