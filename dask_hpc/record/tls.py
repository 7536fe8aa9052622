"""TLS of a cluster: who holds its key file may speak to it, nobody else."""

from __future__ import annotations

import ssl
from pathlib import Path

from distributed.security import Security

from facility.cluster_tls import AUTHORITY, CERTIFICATE, KEY


def make_credentials(folder: Path) -> None:
    """Write authority, certificate and key as 0600 files into `folder`, which must be the user's own 0700 directory."""
    from dask_hpc.record.authority import write_credentials  # noqa: PLC0415 - every rank reads this module, and makes none

    write_credentials(folder)


def security(folder: Path) -> Security:
    """TLS 1.3 with both sides proving themselves by the files of `folder`, for every role."""
    certificate, key = str(folder / CERTIFICATE), str(folder / KEY)
    roles = {f"tls_{role}_{what}": path for role in ("client", "scheduler", "worker")
             for what, path in (("cert", certificate), ("key", key))}  # fmt: skip
    return Security(
        require_encryption=True,
        tls_ca_file=str(folder / AUTHORITY),
        tls_min_version=ssl.TLSVersion.TLSv1_3,
        **roles,
    )
