"""Signatures that a receiver can check (Standard Webhooks 1.0): id, time and body under a secret that both know."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification wants 24 to 64


def new_secret() -> str:
    """A secret as the specification writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(secret: tuple[str, ...], delivery: str, now: datetime, body: str) -> dict[str, str]:
    """The three headers. While a secret is being replaced both sign, the new one first."""
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(delivery, now, body) for each in secret),
    }
