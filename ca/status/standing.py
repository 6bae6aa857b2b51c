"""What relying parties are told of a certificate now: our own responder and CRL, read by a client that is not ours."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca import store
from ca.model import Standing
from ca.scopes import ListKind, Scope
from ca.status.files import ListFile, ListFiles
from ca.status.responder import Responder
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database


class RelyingParty:
    """Asks as a relying party would."""

    def __init__(self, database: Database, access: Access, responder: Responder, files: ListFiles) -> None:
        self._database = database
        self._access = access
        self._responder = responder
        self._files = files

    def standing(self, principal: Principal, serial: str) -> Standing:
        """The OCSP answer and the entry of the newest CRL; one of a unit the principal does not see is NotFound."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.read_certificate(connection, serial)
            if not self._access.covers(principal, found.unit):
                raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
            issuer = store.read_authority(connection, found.authority).certificate
        newest = self._files.newest(Scope(found.authority), ListKind.FULL)
        return Standing(**self._ocsp(found.der, issuer), **_crl(newest, int(found.serial, 16)))

    def _ocsp(self, der: bytes, issuer: bytes) -> dict[str, Any]:
        if not der:
            return {"ocsp": ""}
        certificate, authority = (x509.load_der_x509_certificate(one) for one in (der, issuer))
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, authority, hashes.SHA256()).build()
        raw = self._responder.answer(asked.public_bytes(Encoding.DER))
        answer = ocsp.load_der_ocsp_response(raw)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            unauthorized = answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
            return {"ocsp": "elsewhere" if unauthorized else ""}
        reason = answer.revocation_reason
        return {
            "ocsp": answer.certificate_status.name.lower(),
            "ocsp_revoked_at": answer.revocation_time_utc,
            "ocsp_reason": reason.name if reason else "",
        }


def _crl(newest: ListFile | None, serial: int) -> dict[str, Any]:
    if newest is None:
        return {}
    listed = x509.load_der_x509_crl(newest.path.read_bytes())
    return {
        "crl": listed.get_revoked_certificate_by_serial_number(serial) is not None,
        "crl_number": newest.number,
        "crl_this_update": newest.this_update,
        "crl_next_update": newest.next_update,
    }
