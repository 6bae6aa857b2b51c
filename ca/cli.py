"""``weicheng ca``: the CA for security officers and registrars."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from kernel.edges.cli import group, pass_app, reason_option
from kernel.i18n import N_, current_language

commands = group("ca", N_("Certificates: request, approve, revoke, status."))

_COLUMNS = (N_("serial"), N_("subject"), N_("profile"), N_("state"), N_("not_after"), N_("unit"))
_STATES = ("requested", "approved", "rejected", "issued", "held", "revoked", "superseded", "expired")
_REASONS = (
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
    "aa_compromise",
)
_limit = click.option("--limit", default=50, type=click.IntRange(1, 500), help=N_("How many."))
_cursor = click.option("--cursor", default="", help=N_("Where the page before ended."))
_code = click.option(
    "--code", type=click.Choice(_REASONS), required=True, help=N_("Reason as relying parties are told.")
)
_invalid_since = click.option(
    "--invalid-since", type=click.DateTime(["%Y-%m-%d"]), help=N_("Since when the key is doubtful.")
)
_new_file = click.Path(path_type=Path, dir_okay=False)
_old_file = click.Path(path_type=Path, exists=True, dir_okay=False)


# --- hierarchy
@commands.group("ceremony", help=N_("Found the CA: one officer proposes, another performs."))
def ceremony() -> None:
    """Proposing and performing."""


@ceremony.command("propose", help=N_("Propose a root and an issuing CA; prints the ceremony's id."))
@click.option("--organisation", required=True, help=N_("Name of the organisation (O)."))
@click.option("--root", "root_name", required=True, help=N_("Common name of the root."))
@click.option("--issuing", "issuing_name", required=True, help=N_("Common name of the issuing CA."))
@click.option("--algorithm", default="p384", help=N_("Algorithm of the root's key."))
@click.option(
    "--witness", "witnesses", multiple=True, required=True, help=N_("Name of a witness; may be repeated.")
)
@pass_app
def propose(app: Any, witnesses: tuple[str, ...], **plan: Any) -> None:
    from ca.model import CeremonyPlan

    ceremony_id = app.ca.ceremonies.propose(app.principal, CeremonyPlan(**plan, witnesses=witnesses))
    app.out.record({"ceremony": ceremony_id})


@ceremony.command("perform", help=N_("Perform a proposed ceremony as the second officer."))
@click.argument("ceremony_id")
@pass_app
def perform(app: Any, ceremony_id: str) -> None:
    made = app.ca.ceremonies.perform(app.principal, ceremony_id)
    app.out.rows([_authority(found) for found in made], (N_("id"), N_("name"), N_("algorithm"), N_("sha256")))


@commands.command("authorities", help=N_("Root and issuing CAs."))
@click.option("--pem", type=_new_file, help=N_("Also write their certificates to this file."))
@pass_app
def authorities(app: Any, pem: Path | None) -> None:
    found = app.ca.authorities()
    app.out.rows([_authority(one) for one in found], (N_("id"), N_("name"), N_("algorithm"), N_("sha256")))
    if pem is not None:
        from kernel.pki.pem import certificate_pem

        pem.write_bytes(b"".join(certificate_pem(one.certificate) for one in found))


@commands.command("provision", help=N_("Give a service of the suite a new key and certificate."))
@click.argument("service", type=click.Choice(["ocsp", "timestamp", "evidence"]))
@pass_app
def provision(app: Any, service: str) -> None:
    from ca.signer.model import KeyRole

    app.out.record({"serial": app.ca.services.provision(app.principal, KeyRole(service))})


@commands.command("profiles", help=N_("Kinds of certificates and what they hold."))
@pass_app
def profiles(app: Any) -> None:
    language = "en" if current_language() == "en" else "zh"
    rows = [
        {
            "id": profile.id,
            "title": profile.title[language],
            "subject": list(profile.subject),
            "keys": sorted(profile.keys),
            "days": profile.validity.days,
            "approvals": profile.approvals,
            "version": profile.version,
        }
        for profile in app.ca.profiles.all()
    ]
    app.out.rows(
        rows, (N_("id"), N_("title"), N_("subject"), N_("keys"), N_("days"), N_("approvals"), N_("version"))
    )


# --- registration
@commands.command("request", help=N_("File a request for an applicant of your unit."))
@click.argument("profile")
@click.option(
    "--subject",
    "-s",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help=N_("Part of the name, such as CN=…"),
)
@click.option(
    "--name", "-n", "names", multiple=True, help=N_("Alternative name: dns:, ip: or email: and the value.")
)
@click.option("--unit", required=True, help=N_("Id of the unit."))
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--csr", type=_old_file, help=N_("PKCS#10 file; without it a key is made here."))
@click.option("--replaces", help=N_("Serial of the certificate that this one renews."))
@pass_app
def request(
    app: Any,
    profile: str,
    subject: tuple[str, ...],
    names: tuple[str, ...],
    unit: str,
    evidence: str,
    csr: Path | None,
    replaces: str | None,
) -> None:
    filed = app.ca.registration.file(
        app.principal,
        profile=profile,
        subject=_subject(subject),
        names=names,
        unit=unit,
        evidence=evidence,
        csr=csr.read_bytes() if csr else None,
        replaces=replaces,
    )
    app.out.record(_request(filed))


@commands.command("renew", help=N_("File a request for a newer certificate of the same subject."))
@click.argument("serial")
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--csr", type=_old_file, help=N_("PKCS#10 file; without it a key is made here."))
@pass_app
def renew(app: Any, serial: str, evidence: str, csr: Path | None) -> None:
    octets = csr.read_bytes() if csr else None
    app.out.record(_request(app.ca.registration.renew(app.principal, serial, evidence=evidence, csr=octets)))


@commands.command("requests", help=N_("Requests of your units, newest first."))
@click.option("--find", default="", help=N_("Beginning of a word of its names."))
@click.option("--state", type=click.Choice(_STATES), help=N_("Only those in this state."))
@click.option("--waiting", is_flag=True, help=N_("Only those that wait for your decision."))
@_limit
@_cursor
@pass_app
def requests(app: Any, find: str, state: str | None, waiting: bool, limit: int, cursor: str) -> None:
    from kernel.store.listing import Ask

    filters = _given(state=state, waiting="me" if waiting else None)
    page = app.ca.registration.page(app.principal, Ask(find, filters, cursor=cursor, limit=limit))
    app.out.rows(
        [_request(one) for one in page.items],
        (N_("id"), N_("profile"), N_("subject"), N_("unit"), N_("state"), N_("filed_at")),
    )
    _tell_more(app, page)


@commands.command("approve", help=N_("Approve a request; the certificate is issued when enough people have."))
@click.argument("request_id")
@click.option("--reason", default="", help=N_("Remark for the audit trail."))
@pass_app
def approve(app: Any, request_id: str, reason: str) -> None:
    from ca.model import Certificate

    result = app.ca.registration.approve(app.principal, request_id, reason)
    app.out.record(_certificate(result) if isinstance(result, Certificate) else _request(result))


@commands.command("reject", help=N_("Turn a request down."))
@click.argument("request_id")
@reason_option
@pass_app
def reject(app: Any, request_id: str, reason: str) -> None:
    app.out.record(_request(app.ca.registration.reject(app.principal, request_id, reason)))


@commands.command(
    "deliver", help=N_("Hand over a key made here, once: a PKCS#12 file, its password on the screen.")
)
@click.argument("request_id")
@click.argument("file", type=_new_file)
@pass_app
def deliver(app: Any, request_id: str, file: Path) -> None:
    from kernel.secrets import write_private

    data, password = app.ca.registration.deliver_pkcs12(app.principal, request_id)
    write_private(file, data)
    app.out.record({"file": str(file), "password": password})


# --- life cycle
@commands.command("list", help=N_("Certificates of your units, newest first."))
@click.option("--find", default="", help=N_("Beginning of the serial, the SHA-256 or a word of the names."))
@click.option("--state", type=click.Choice(_STATES), help=N_("Only those in this state."))
@click.option("--profile", help=N_("Only those of this profile."))
@click.option(
    "--expires-within", type=click.IntRange(1, 3650), metavar="DAYS", help=N_("Only those that end soon.")
)
@_limit
@_cursor
@pass_app
def list_certificates(
    app: Any,
    find: str,
    state: str | None,
    profile: str | None,
    expires_within: int | None,
    limit: int,
    cursor: str,
) -> None:
    from kernel.store.listing import Ask

    before = (app.clock.now() + timedelta(days=expires_within)).isoformat() if expires_within else None
    filters = _given(state=state, profile=profile, expires_before=before)
    page = app.ca.lifecycle.page(app.principal, Ask(find, filters, cursor=cursor, limit=limit))
    app.out.rows([_certificate(one) for one in page.items], _COLUMNS)
    _tell_more(app, page)


@commands.command("show", help=N_("One certificate; with --pem also to a file."))
@click.argument("serial")
@click.option("--pem", type=_new_file, help=N_("Write the certificate to this file."))
@pass_app
def show(app: Any, serial: str, pem: Path | None) -> None:
    found = app.ca.lifecycle.show(app.principal, serial)
    app.out.record(_certificate(found))
    if pem is not None:
        from kernel.pki.pem import certificate_pem

        pem.write_bytes(certificate_pem(found.der))


@commands.command("hold", help=N_("Suspend a certificate."))
@click.argument("serial")
@reason_option
@pass_app
def hold(app: Any, serial: str, reason: str) -> None:
    app.out.record(_certificate(app.ca.lifecycle.hold(app.principal, serial, reason)))


@commands.command("release", help=N_("End a suspension."))
@click.argument("serial")
@reason_option
@pass_app
def release(app: Any, serial: str, reason: str) -> None:
    app.out.record(_certificate(app.ca.lifecycle.release(app.principal, serial, reason)))


@commands.command("revoke", help=N_("Revoke a certificate for good; a new CRL is published at once."))
@click.argument("serial")
@_code
@_invalid_since
@reason_option
@pass_app
def revoke(app: Any, serial: str, code: str, invalid_since: datetime | None, reason: str) -> None:
    from ca.model import Reason

    why = Reason[code.upper()]
    since = _in_utc(invalid_since)
    app.out.record(
        _certificate(app.ca.lifecycle.revoke(app.principal, serial, why, reason, invalid_since=since))
    )


@commands.group("revocation", help=N_("Revoke a CA's certificate: one officer proposes, another performs."))
def revocation() -> None:
    """Proposing, performing, rejecting."""


@revocation.command(
    "propose", help=N_("Propose to revoke the certificate of a CA; prints the revocation's id.")
)
@click.argument("serial")
@_code
@_invalid_since
@reason_option
@pass_app
def propose_revocation(app: Any, serial: str, code: str, invalid_since: datetime | None, reason: str) -> None:
    from ca.model import Reason

    why = Reason[code.upper()]
    since = _in_utc(invalid_since)
    made = app.ca.revocations.propose(app.principal, serial, why, reason, invalid_since=since)
    app.out.record(_revocation(made))


@revocation.command("perform", help=N_("Revoke as the second officer; a new CRL is published at once."))
@click.argument("revocation_id")
@pass_app
def perform_revocation(app: Any, revocation_id: str) -> None:
    app.out.record(_certificate(app.ca.revocations.perform(app.principal, revocation_id)))


@revocation.command("reject", help=N_("Turn the proposal down."))
@click.argument("revocation_id")
@reason_option
@pass_app
def reject_revocation(app: Any, revocation_id: str, reason: str) -> None:
    app.out.record(_revocation(app.ca.revocations.reject(app.principal, revocation_id, reason)))


@revocation.command("list", help=N_("Proposed revocations of CA certificates, newest first."))
@_limit
@_cursor
@pass_app
def list_revocations(app: Any, limit: int, cursor: str) -> None:
    from kernel.store.listing import Ask

    page = app.ca.revocations.page(app.principal, Ask(cursor=cursor, limit=limit))
    columns = (N_("id"), N_("serial"), N_("subject"), N_("state"), N_("proposed_by"), N_("proposed_at"))
    app.out.rows([_revocation(one) for one in page.items], columns)
    _tell_more(app, page)


@commands.command("crl", help=N_("Write the newest CRL to a file; with --publish make a new one first."))
@click.argument("authority")
@click.argument("file", type=_new_file)
@click.option("--publish", is_flag=True, help=N_("Sign a new list now."))
@pass_app
def crl(app: Any, authority: str, file: Path, publish: bool) -> None:
    publication = app.ca.publication
    data = publication.publish(authority, app.principal) if publish else publication.crl(authority)
    file.write_bytes(data)
    app.out.record({"file": str(file), "bytes": len(data)})


def _in_utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None


def _given(**filters: str | None) -> dict[str, tuple[str, ...]]:
    return {name: (value,) for name, value in filters.items() if value is not None}


def _tell_more(app: Any, page: Any) -> None:
    if page.next_cursor is not None:
        app.out.note(N_("There are more; the next page: --cursor %(cursor)s"), cursor=page.next_cursor)


def _subject(parts: tuple[str, ...]) -> dict[str, str]:
    pairs = [part.partition("=") for part in parts]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise click.BadParameter(f"{wrong[0]}: KEY=VALUE", param_hint="--subject")
    return {key: value for key, _, value in pairs}


def _authority(authority: Any) -> dict[str, Any]:
    from kernel.canonical import sha256_hex

    digest = sha256_hex(authority.certificate)
    return {"id": authority.id, "name": authority.name, "algorithm": authority.algorithm, "sha256": digest}


def _request(request: Any) -> dict[str, Any]:
    row = asdict(request)
    del row["spki"]
    return row


def _revocation(revocation: Any) -> dict[str, Any]:
    return asdict(revocation) | {"reason": revocation.reason.name.lower()}


def _certificate(certificate: Any) -> dict[str, Any]:
    row = asdict(certificate)
    del row["der"]
    reason = certificate.reason
    return row | {"reason": reason.name.lower() if reason is not None else None}
