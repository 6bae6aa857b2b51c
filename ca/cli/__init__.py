"""`weicheng ca`: the CA for security officers and registrars. Each module adds its commands to the group."""

from ca.cli import (
    approving,
    batch,
    ceremony,
    cross,
    hierarchy,
    inventory,
    keys,
    lifecycle,
    offline,
    profiles,
    registration,
    signer,
    status,
    timestamps,
    token,
    transparency,
    validation,
)
from ca.cli.base import commands

__all__ = [
    "approving",
    "batch",
    "ceremony",
    "commands",
    "cross",
    "hierarchy",
    "inventory",
    "keys",
    "lifecycle",
    "offline",
    "profiles",
    "registration",
    "signer",
    "status",
    "timestamps",
    "token",
    "transparency",
    "validation",
]
