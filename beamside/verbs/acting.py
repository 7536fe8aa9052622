"""Verbs with several acts: `beamside VERB ACT …`."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable

from beamside.verbs.session import add_common, speak
from facility.client import FacilityClient

Act = Callable[[FacilityClient, argparse.Namespace], Awaitable[int]]
"""Does one thing with the facility, prints what there is to say, and gives the exit status."""


def finish(parser: argparse.ArgumentParser, act: Act) -> None:
    """The options of every verb, and what is done."""
    add_common(parser, again=True)
    parser.set_defaults(act=act)


def run_act(arguments: argparse.Namespace) -> int:
    """Do the act that was chosen; returns the exit status."""

    async def verb(client: FacilityClient) -> int:
        act: Act = arguments.act
        return await act(client, arguments)

    return speak(arguments, verb)
