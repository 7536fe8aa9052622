"""`beamside health`: how the facility is. Exit status 1 where a part of it is down."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from beamside.verbs.session import add_common, speak
from beamside.verbs.show import print_json, print_line, print_table
from facility.client import FacilityClient
from facility.status import Note, Outage, Resource
from facility.wire import encode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what `beamside health` takes."""
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the state of each part; returns the exit status."""

    async def show(client: FacilityClient) -> int:
        health, resources = await client.health(), await client.resources()
        outages, notes = await client.outages(), await client.notes()
        if arguments.json:
            told = {"health": health, "resources": resources, "outages": outages, "notes": notes}
            print_json({name: encode(value) for name, value in told.items()})
        else:
            print_line("The facility is well." if health.ok else "A part of the facility is down.")
            _print(resources, outages, notes)
        return 0 if health.ok else 1

    return speak(arguments, show)


def _print(resources: Iterable[Resource], outages: Iterable[Outage], notes: Iterable[Note]) -> None:
    parts = [(one.title, one.state, one.since, one.words or _figures(one)) for one in resources]
    print_table(("", "is", "since", ""), parts, nothing="The service tells of no parts.")
    print_line("")
    times = [(one.resource or "everything", one.state, one.starts, one.ends, one.description) for one in outages]
    print_table(("outage of", "is then", "begins", "ends", ""), times, nothing="No outages are planned.")
    for note in notes:
        print_line(f"{note.resource or 'everything'}: {note.text}")


def _figures(resource: Resource) -> str:
    return ", ".join(f"{count} {what}" for what, count in resource.figures.items())
