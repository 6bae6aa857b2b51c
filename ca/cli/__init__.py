"""`weicheng ca`: the CA for security officers and registrars. Each module adds its commands to the group."""

from ca.cli import (
    hierarchy,
    keys,
    lifecycle,
    registration,
    signer,
    status,
    timestamps,
    transparency,
)
from ca.cli.base import commands

__all__ = [
    "commands",
    "hierarchy",
    "keys",
    "lifecycle",
    "registration",
    "signer",
    "status",
    "timestamps",
    "transparency",
]
