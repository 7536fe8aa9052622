"""What is announced, in which order, and in whose words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from facility.status import Board, Condition, Note, Outage, Resource
from hub_ext.pages.announcements import MOST, Severity, announcements
from hub_ext.pages.institution import Reached
from hub_ext.pages.news import Heard

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
REACHED = Reached()


def a_resource(name: str = "perlmutter", state: Condition = Condition.UP, kind: str = "system") -> Resource:
    """One of them."""
    return Resource(name, name.title(), kind, state, NOW - HOUR, "" if state is Condition.UP else "it is broken")


def an_outage(starts: datetime, *, resource: str = "perlmutter", state: Condition = Condition.DOWN) -> Outage:
    """Two hours long."""
    return Outage("1", resource, starts, starts + 2 * HOUR, "new cooling", state, planned=True, source="operator")


def heard(*parts: Resource | Outage | Note) -> Heard:
    """A board that came just now."""
    of = {kind: tuple(part for part in parts if isinstance(part, kind)) for kind in (Resource, Outage, Note)}
    return Heard(Board(NOW, 1.0, of[Resource], of[Outage], of[Note]), NOW)  # type: ignore[arg-type]  # sorted by kind just before


def told(known: Heard, institution: Reached = REACHED) -> list[tuple[Severity, str, str]]:
    """Severity, about what, and words of each."""
    return [(one.severity, one.about, one.words) for one in announcements(known, institution, NOW).shown]


def test_where_all_is_well_nothing_is_said() -> None:
    """No news, no box."""
    assert [] == told(heard(a_resource(), a_resource("partition:main", kind="partition")))


def test_an_outage_is_out_of_order_in_part_or_planned_by_its_time() -> None:
    """The gravest stands first, whatever order they came in; those of next month wait."""
    later, now = an_outage(NOW + 24 * HOUR), an_outage(NOW - HOUR)
    part, far = an_outage(NOW - HOUR, state=Condition.DEGRADED), an_outage(NOW + timedelta(days=30))
    note = Note("1", "", "hello", NOW - HOUR, "kim")

    found = told(heard(a_resource(), note, far, later, part, now))

    assert [Severity.DOWN, Severity.DEGRADED, Severity.PLANNED, Severity.NOTE] == [one[0] for one in found]
    assert (Severity.DOWN, "Perlmutter", "new cooling") == found[0]
    assert (Severity.NOTE, "", "hello") == found[3]


def test_what_is_over_or_was_cancelled_is_not_said() -> None:
    """Neither outages nor notes outlive their end, also where the last board is old."""
    over, note = an_outage(NOW - 3 * HOUR), Note("1", "", "hello", NOW - HOUR, "kim", until=NOW)

    assert [] == told(heard(over, note))


def test_a_system_that_is_down_is_said_once() -> None:
    """Unannounced it has the facility's words; with an outage it has the operator's."""
    down = a_resource(state=Condition.DOWN)

    assert [(Severity.DOWN, "Perlmutter", "it is broken")] == told(heard(down))
    assert [(Severity.DOWN, "Perlmutter", "new cooling")] == told(heard(down, an_outage(NOW - HOUR)))
    assert [(Severity.DOWN, "", "new cooling")] == told(heard(down, an_outage(NOW - HOUR, resource="")))


def test_a_few_drained_nodes_and_parts_of_the_service_are_no_news() -> None:
    """Operators see them on their page; people are not bothered."""
    assert [] == told(heard(a_resource(state=Condition.DEGRADED), a_resource("accounting", Condition.DOWN, "service")))


def test_a_silent_facility_is_named_with_the_age_of_what_is_shown() -> None:
    """What was known stays, and is said to be old."""
    known = heard(an_outage(NOW - HOUR)).board
    silent = Heard(known, NOW - timedelta(minutes=5), "no answer", NOW - timedelta(minutes=4))

    found = told(silent)

    assert [Severity.DOWN, Severity.DEGRADED] == [one[0] for one in found]
    assert "What is said here is 5 min old" in found[1][2]
    assert "What it announces is not known" in told(Heard(problem="no answer", since=NOW))[0][2]


def test_an_institution_that_is_away_is_named_and_what_goes_on() -> None:
    """Nobody can sign in; whoever is in stays in."""
    (found,) = told(heard(), Reached("https://login.example.org gives no answer", NOW))

    assert (Severity.DOWN, "Sign-in") == found[:2]
    assert "https://login.example.org gives no answer" in found[2]
    assert "servers that run go on" in found[2]


def test_of_very_many_the_gravest_are_shown_and_the_others_counted() -> None:
    """A page stays a page."""
    notes = [Note(str(number), "", f"note {number}", NOW - HOUR, "kim") for number in range(20)]

    shown = announcements(heard(*notes, an_outage(NOW - HOUR)), REACHED, NOW)

    assert (MOST, 21 - MOST) == (len(shown.shown), shown.left_out)
    assert Severity.DOWN is shown.shown[0].severity
