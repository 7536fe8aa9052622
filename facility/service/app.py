"""The application: routers and errors over the parts of a running service."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fastapi import APIRouter, FastAPI

from facility.service.parts import Parts
from facility.service.routers import (
    accounts,
    bookings,
    callbacks,
    estimates,
    events,
    files,
    health,
    identity,
    images,
    iri,
    job_acts,
    jobs,
    operations,
    process,
    reservations,
    resource,
    sfapi,
    sfapi_2020,
    transfers,
)
from facility.service.web.described import EVERYBODY, OURS
from facility.service.web.limits import BodyLimit
from facility.service.web.matrix import publish
from facility.service.web.metrics import Measured, Requests
from facility.service.web.refusals import explain_errors
from facility.service.web.streams import LongStreams

SERVICES: Mapping[str, tuple[APIRouter, ...]] = {
    "identity": identity.routers,
    "jobs": (estimates.router, jobs.router, job_acts.router),  # the estimate is no job's id
    "accounts": (accounts.router,),
    "images": (images.router,),
    "reservations": (bookings.router, reservations.router),  # in this order: a name could be anything
    "callbacks": (callbacks.router, events.router),
    "health": (health.router,),
    "files": (files.router,),
    "transfers": (transfers.router,),
    "sfapi": (*sfapi.routers, *sfapi_2020.routers),
    "iri": (iri.router,),
}
"""Microservice -> its routers. Each can be served alone, or all together.

A request is compared with one route after the other, so what is asked most stands first and the views stand last.
"""

EVERYWHERE = (operations.router, process.router, resource.router)
"""What every process answers, whatever it serves."""

SHAPES = {
    f"{sfapi.PREFIX}/": sfapi.error_shape,
    f"{sfapi_2020.PREFIX}/": sfapi.error_shape,
    f"{iri.PREFIX}/": iri.problem,
}
"""Path -> how errors below it are told, where that is another API's way."""

VIEWS = {prefix.rstrip("/") for prefix in SHAPES}
"""Prefixes of the routers whose errors have another API's shape."""

ROUTERS = (*(router for routers in SERVICES.values() for router in routers), *EVERYWHERE)


def create_app(parts: Parts, names: Collection[str] = tuple(SERVICES)) -> FastAPI:
    """The microservices `names` over `parts` (see `facility.service.running`)."""
    app = FastAPI(title="beamside facility service")
    app.state.parts = parts
    app.state.requests = Requests()
    explain_errors(app, SHAPES)
    app.add_middleware(BodyLimit, shapes=SHAPES)
    app.add_middleware(Measured, requests=app.state.requests)
    app.add_middleware(LongStreams)  # the last one added is the outermost
    chosen = (router for name in SERVICES if name in names for router in SERVICES[name])
    for router in (*EVERYWHERE, *chosen):
        app.include_router(router, responses=EVERYBODY if router.prefix in VIEWS else OURS)
    publish(app, ROUTERS)
    return app
