"""`weicheng ca`: requests and what becomes of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import (
    COLUMNS,
    EXIT_INVALID,
    EXIT_PARTIAL,
    NEW_FILE,
    OLD_FILE,
    PAPER_COLUMNS,
    STATES,
    certificate_row,
    commands,
    handed_in,
    hidden,
    request_row,
    subject_of,
)
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_
from kernel.pki.names import respelled


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
@click.option("--csr", type=OLD_FILE, help=N_("PKCS#10 file; without it a key is made here."))
@click.option("--replaces", help=N_("Serial of the certificate that this one renews."))
@click.option(
    "--paper", "papers", multiple=True, type=OLD_FILE, help=N_("Identity paper: PDF, PNG or JPEG; several.")
)
@click.option("--phrase", is_flag=True, help=N_("Ask for the pass-phrase for the telephone."))
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
    papers: tuple[Path, ...],
    phrase: bool,
) -> None:
    filed = app.ca.registration.file(
        app.principal,
        profile=profile,
        subject=subject_of(subject),
        names=names,
        unit=unit,
        evidence=evidence,
        csr=csr.read_bytes() if csr else None,
        replaces=replaces,
        papers=handed_in(papers),
        phrase=hidden(N_("Pass-phrase"), twice=True) if phrase else None,
    )
    _tell_filed(app, filed.id)


def _tell_filed(app: Any, request_id: str) -> None:
    """As it is stored: with names, and whether a key waits."""
    app.out.record(request_row(app.ca.registration.show(app.principal, request_id)), of="ca.requests")


@commands.command("renew", help=N_("File a request for a newer certificate of the same subject."))
@click.argument("serial")
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--csr", type=OLD_FILE, help=N_("PKCS#10 file; without it a key is made here."))
@pass_app
def renew(app: Any, serial: str, evidence: str, csr: Path | None) -> None:
    octets = csr.read_bytes() if csr else None
    _tell_filed(app, app.ca.registration.renew(app.principal, serial, evidence=evidence, csr=octets).id)


@commands.command(
    "renewals", help=N_("Certificates of your units that have to be renewed, first to end first.")
)
@list_options
@pass_app
def renewals(app: Any, ask: Any) -> None:
    columns = (N_("serial"), N_("subject"), N_("profile"), N_("unit"), N_("not_after"))
    app.out.page(app.ca.renewals.page(app.principal, ask).map(asdict), columns, of="ca.renewals")


@commands.command("own", help=N_("Certificates bound to your account."))
@pass_app
def own(app: Any) -> None:
    from kernel.store.listing import Ask

    app.out.rows(
        [certificate_row(one) for one in app.ca.holders.page(app.principal, Ask()).items],
        COLUMNS,
        of="ca.certificates",
    )


@commands.command(
    "renew-own", help=N_("Ask for a newer certificate of your own, signed in with the old one.")
)
@click.argument("serial")
@click.option("--csr", type=OLD_FILE, required=True, help=N_("PKCS#10 file of a new key."))
@pass_app
def renew_own(app: Any, serial: str, csr: Path) -> None:
    app.out.record(
        request_row(app.ca.holders.renew(app.principal, serial, csr.read_bytes())), of="ca.requests"
    )


@commands.command("suspend-own", help=N_("Suspend your own certificate at once."))
@click.argument("serial")
@reason_option
@pass_app
def suspend_own(app: Any, serial: str, reason: str) -> None:
    app.out.record(
        certificate_row(app.ca.holders.suspend(app.principal, serial, reason)), of="ca.certificates"
    )


@commands.command("requests", help=N_("Requests of your units, newest first."))
@click.option("--state", type=click.Choice(STATES), help=N_("Only those in this state."))
@click.option("--waiting", is_flag=True, help=N_("Only those that wait for your decision."))
@list_options
@pass_app
def requests(app: Any, ask: Any, state: str | None, waiting: bool) -> None:
    asked = ask.narrowed(state=state, waiting="me" if waiting else None)
    columns = (N_("id"), N_("profile"), N_("subject"), N_("unit"), N_("state"), N_("filed_at"))
    app.out.page(app.ca.registration.page(app.principal, asked).map(request_row), columns, of="ca.requests")


@commands.command("reject", help=N_("Turn a request down."))
@click.argument("request_id")
@reason_option
@pass_app
def reject(app: Any, request_id: str, reason: str) -> None:
    app.out.record(
        request_row(app.ca.registration.reject(app.principal, request_id, reason)), of="ca.requests"
    )


@commands.command("deliver", help=N_("Hand over a key made here, once, as a PKCS#12 file."))
@click.argument("request_id")
@click.argument("file", type=NEW_FILE)
@click.option(
    "--password-file",
    type=OLD_FILE,
    help=N_("Password that the applicant chose; without it one is made, which a colleague tells."),
)
@pass_app
def deliver(app: Any, request_id: str, file: Path, password_file: Path | None) -> None:
    from kernel.secrets import write_private

    password = password_file.read_text().strip() if password_file else None
    write_private(file, app.ca.registration.deliver_pkcs12(app.principal, request_id, password))
    app.out.record({"file": str(file)})
    if password is None:
        app.out.note(
            N_("A colleague tells the applicant the password: weicheng ca password %(id)s"), id=request_id
        )


@commands.command(
    "password", help=N_("Tell the password of a key file that somebody else handed over, once.")
)
@click.argument("request_id")
@pass_app
def password(app: Any, request_id: str) -> None:
    app.out.record({"password": app.ca.registration.tell_password(app.principal, request_id)})


@commands.command("attach", help=N_("Attach identity papers (PDF, PNG, JPEG) to a request."))
@click.argument("request_id")
@click.argument("files", nargs=-1, required=True, type=OLD_FILE)
@pass_app
def attach(app: Any, request_id: str, files: tuple[Path, ...]) -> None:
    kept = app.ca.registration.papers.attach(app.principal, request_id, handed_in(files))
    app.out.rows([asdict(paper) for paper in kept], PAPER_COLUMNS)


@commands.command("papers", help=N_("Identity papers of a request; --save writes one to a file."))
@click.argument("request_id")
@click.option("--save", "paper", help=N_("Id of the paper to be looked at; that is audited."))
@click.option("--file", type=NEW_FILE, help=N_("Where to write it."))
@pass_app
def papers(app: Any, request_id: str, paper: str | None, file: Path | None) -> None:
    from kernel.secrets import write_private
    from kernel.store.listing import Ask

    if paper is None:
        page = app.ca.registration.papers.page(app.principal, Ask().narrowed(request=request_id))
        app.out.rows([asdict(one) for one in page.items], PAPER_COLUMNS)
        return
    found, data = app.ca.registration.papers.view(app.principal, paper)
    target = file or Path(found.name)
    write_private(target, data)
    app.out.record({"file": str(target), "sha256": found.sha256})


@commands.command("phrase", help=N_("Set the pass-phrase by which the holder suspends by telephone."))
@click.argument("request_id")
@click.option("--made", is_flag=True, help=N_("Have one made and shown, instead of typing the holder's."))
@pass_app
def phrase(app: Any, request_id: str, made: bool) -> None:
    chosen = None if made else hidden(N_("Pass-phrase"), twice=True)
    shown = app.ca.telephone.set(app.principal, request_id, chosen)
    app.out.record({"request": request_id, **({"phrase": shown} if made else {})})


@commands.command("hold-by-phone", help=N_("Suspend a certificate at once by the pass-phrase heard."))
@click.argument("serial")
@reason_option
@pass_app
def hold_by_phone(app: Any, serial: str, reason: str) -> None:
    heard = hidden(N_("Pass-phrase"))
    app.out.record(
        certificate_row(app.ca.telephone.suspend(app.principal, serial, heard, reason)), of="ca.certificates"
    )


@commands.command("issue", help=N_("Issue at once from CSRs, for a profile that needs no approval."))
@click.argument("profile")
@click.argument("file", type=OLD_FILE)
@click.option("--unit", required=True, help=N_("Id of the unit."))
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--pem", type=NEW_FILE, help=N_("Also write the certificates to this file."))
@pass_app
def issue(app: Any, profile: str, file: Path, unit: str, evidence: str, pem: Path | None) -> int:
    from ca.registration.automatic import split_csrs
    from kernel.errors import WeichengError
    from kernel.pki.pem import certificate_pem

    outcomes = app.ca.registration.issue(
        app.principal, profile=profile, unit=unit, evidence=evidence, csrs=split_csrs(file.read_bytes())
    )
    issued = [one for one in outcomes if not isinstance(one, WeichengError)]
    if pem is not None:
        pem.write_bytes(b"".join(certificate_pem(one.der) for one in issued))
    app.out.rows([_outcome(one) for one in outcomes], (N_("serial"), N_("subject"), N_("fault")))
    if len(issued) == len(outcomes):
        return 0
    return EXIT_PARTIAL if issued else EXIT_INVALID


def _outcome(found: Any) -> dict[str, str]:
    from kernel.errors import WeichengError

    if isinstance(found, WeichengError):
        return {"serial": "", "subject": "", "fault": found.text()}
    return {"serial": found.serial, "subject": respelled(found.subject), "fault": ""}
