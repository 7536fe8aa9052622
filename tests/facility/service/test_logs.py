"""The log: JSON lines, no secrets, one line a minute for each cause."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from facility.service.logs import LONGEST, Quiet, Redacted, Short

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"


@pytest.fixture
def told() -> Iterator[tuple[logging.Logger, list[float], io.StringIO]]:
    """A logger, its clock, and where its lines go."""
    clock, out = [0.0], io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Redacted())
    handler.addFilter(Quiet(lambda: clock[0]))
    handler.addFilter(Short())
    logger = logging.getLogger("test of the log")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger, clock, out
    logger.removeHandler(handler)


def lines(out: io.StringIO) -> list[dict]:
    """What was written, line by line."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object(told: tuple) -> None:
    """Also where names hold quotes, line ends and escapes."""
    logger, _, out = told
    logger.info("job of %s", 'x"\n\x1b[31m')
    (line,) = lines(out)

    assert ("INFO", "test of the log", 'job of x"\n\x1b[31m') == (line["level"], line["logger"], line["message"])
    assert line["time"].endswith("Z")


@pytest.mark.parametrize(
    "secret",
    [TOKEN, f"Authorization: Bearer {'a' * 40}", "postgresql://beamside:hunter22@db/x", f"whsec_{'b' * 32}",
     "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----"],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_written(told: tuple, secret: str) -> None:
    """Neither in a message nor in the words of an exception."""
    logger, _, out = told
    logger.warning("got %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("failed")

    assert all("[secret]" in json.dumps(line) for line in lines(out))
    assert not any(part in out.getvalue() for part in (TOKEN, "a" * 40, "hunter22", "b" * 32, "MIIEvQ"))


def test_a_lasting_fault_is_one_line_a_minute(told: tuple) -> None:
    """Ten minutes at ten a second: ten lines, with the count of those that were left out; other causes are told."""
    logger, clock, out = told
    for n in range(6000):
        clock[0] = n / 10
        logger.warning("the store cannot be written: %d", n)
    logger.warning("something else")
    found = lines(out)

    assert 11 == len(found)
    assert [599] == sorted({line["left_out"] for line in found if "left_out" in line})
    assert "something else" == found[-1]["message"]


def test_what_was_done_is_told_every_time(told: tuple) -> None:
    """INFO lines say who did what: none is left out."""
    logger, _, out = told
    for n in range(5):
        logger.info("token for %s", f"user{n}")

    assert 5 == len(lines(out))


def test_a_message_has_a_limit(told: tuple) -> None:
    """Whoever chose the name that it holds."""
    logger, _, out = told
    logger.info("name %s", "x" * 100_000)

    assert LONGEST + 1 == len(lines(out)[0]["message"])
