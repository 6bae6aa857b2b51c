"""`weicheng ca`: the CA for security officers and registrars. Each module adds its commands to the group."""

from ca.cli import (
    approving,
    batch,
    hierarchy,
    keys,
    lifecycle,
    registration,
    signer,
    status,
    timestamps,
    transparency,
    validation,
)
from ca.cli.base import commands

__all__ = [
    "approving",
    "batch",
    "commands",
    "hierarchy",
    "keys",
    "lifecycle",
    "registration",
    "signer",
    "status",
    "timestamps",
    "transparency",
    "validation",
]
