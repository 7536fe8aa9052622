"""transfer: what v1.2 has below storage/globus."""

from __future__ import annotations

from facility.service.routers.sfapi import storage
from facility.service.routers.sfapi_2020.at import group

router = group("/transfer")
router.add_api_route("", storage.start, methods=["POST"])
router.add_api_route("/{transfer_id}", storage.state, methods=["GET"])
