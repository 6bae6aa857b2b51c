"""What the CA's commands share: options, rows, and the group they belong to."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kernel.edges.cli import group
from kernel.i18n import N_, translate

EXIT_INVALID, EXIT_PARTIAL, EXIT_NOT_VALID = 2, 3, 7  # 7: what was checked is not what it should be

commands = group("ca", N_("Certificates: request, approve, revoke, status."))

COLUMNS = (N_("serial"), N_("subject"), N_("profile"), N_("state"), N_("not_after"), N_("unit"))
PAPER_COLUMNS = (N_("id"), N_("name"), N_("media_type"), N_("size"), N_("sha256"), N_("attached_at"))
STATES = (
    "requested",
    "approved",
    "rejected",
    "given_up",
    "issued",
    "held",
    "revoked",
    "superseded",
    "expired",
)
REASONS = (
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
    "aa_compromise",
)
FIELDS = (  # of records that are told whole: named here so that they have names in each language
    N_("profile_version"),
    N_("requested_by"),
    N_("approval"),
    N_("own_key"),
    N_("key_waiting"),
    N_("replaces"),
    N_("requester"),
    N_("unit_name"),
    N_("authority_name"),
    N_("not_before"),
    N_("intent_at"),
    N_("revoked_at"),
    N_("invalid_since"),
    N_("proposer"),
    N_("together"),
    N_("keys_waiting"),
    N_("passwords_waiting"),
    N_("keys_to"),
    N_("names"),
    N_("ceremony"),
    N_("exported_at"),
    N_("signed_by"),
    N_("signed_at"),
    N_("answer"),
    N_("policy"),
    N_("batch"),
    N_("document"),
)
code_option = click.option(
    "--code", type=click.Choice(REASONS), required=True, help=N_("Reason as relying parties are told.")
)
invalid_since_option = click.option(
    "--invalid-since", type=click.DateTime(["%Y-%m-%d"]), help=N_("Since when the key is doubtful.")
)


class _NewFile(click.Path):
    """A file that can be written: what is handed over once must not be taken for a place where it can not lie."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            self.fail(translate(N_("%(file)s can not be written."), file=str(path)), param, ctx)
        return path


NEW_FILE = _NewFile(path_type=Path, dir_okay=False)
OLD_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def in_utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None


def subject_of(parts: tuple[str, ...]) -> dict[str, str]:
    pairs = [part.partition("=") for part in parts]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise click.BadParameter(f"{wrong[0]}: KEY=VALUE", param_hint="--subject")
    return {key: value for key, _, value in pairs}


def handed_in(files: tuple[Path, ...]) -> list[Any]:
    """Papers as registration takes them; a file too large for one is not read whole."""
    from ca.registration.papers import LARGEST, Handed

    found = []
    for file in files:
        with file.open("rb") as stream:
            found.append(Handed(file.name, stream.read(LARGEST + 1)))
    return found


def hidden(label: str, *, twice: bool = False) -> str:
    """What is typed and not shown: a pass-phrase, a PIN."""
    typed: str = click.prompt(
        translate(label), hide_input=True, confirmation_prompt=twice and translate(N_("Once more")), err=True
    )
    return typed


def authority_row(authority: Any) -> dict[str, Any]:
    from kernel.canonical import sha256_hex

    digest = sha256_hex(authority.certificate)
    row = {name: getattr(authority, name) for name in ("id", "name", "kind", "state", "parent", "algorithm")}
    return row | {"profiles": list(authority.profiles), "generation": authority.generation, "sha256": digest}


def request_row(request: Any) -> dict[str, Any]:
    row = asdict(request)
    del row["spki"]
    return row


def revocation_row(revocation: Any) -> dict[str, Any]:
    return asdict(revocation) | {"reason": revocation.reason.name.lower()}


def certificate_row(certificate: Any) -> dict[str, Any]:
    row = asdict(certificate)
    del row["der"]
    reason = certificate.reason
    return row | {"reason": reason.name.lower() if reason is not None else None}
