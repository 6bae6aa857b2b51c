"""Renewing a certificate, from its own page and from the list of what has to be renewed."""

from typing import Any

from pydantic import Base64Bytes

from ca.resources.labels import csr_field, evidence_field
from kernel.edges.resources import Done, Input, Verb
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission


class Renew(Input):
    evidence: str = evidence_field()
    csr: Base64Bytes | None = csr_field()


def _renew(app: Any, principal: Principal, serial: str, given: Renew) -> Done:
    filed = app.ca.registration.renew(principal, serial, evidence=given.evidence, csr=given.csr)
    return Done(
        N_("Request %(id)s for the newer certificate is filed; a second person has to approve it."),
        {"id": filed.id},
        id=serial,
    )


RENEW = Verb(
    "renew",
    N_("Renew the certificate"),
    Permission.CA_REQUEST_FILE,
    _renew,
    Renew,
    when=lambda record: record.state == "issued" and record.request != "",
    second=Permission.CA_REQUEST_APPROVE,
    explain=N_(
        "Files a request with the same subject and names; this certificate is replaced when it is issued."
    ),
)
