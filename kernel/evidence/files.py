"""The files of a record as they leave the suite, so that others can check them with OpenSSL alone."""

import io
import zipfile
from collections.abc import Mapping
from enum import StrEnum

from kernel.evidence.model import EvidenceFile, EvidenceRecord, Seal
from kernel.pki.pem import certificate_pem


class Part(StrEnum):
    """What can be taken away of a record."""

    BODY = "body"  # canonical JSON, which is what was signed
    SIGNATURE = "signature"  # detached CMS SignedData (RFC 5652) over it
    TOKEN = "token"  # noqa: S105 - RFC 3161 token over the signature
    BUNDLE = "bundle"  # all of it with certificates and attachments, as ZIP


def body_file(record: EvidenceRecord, body: bytes) -> EvidenceFile:
    return EvidenceFile(f"{record.id}.json", "application/json", body)


def signature_file(record: EvidenceRecord, seal: Seal) -> EvidenceFile:
    return EvidenceFile(f"{record.id}.p7s", "application/pkcs7-signature", seal.cms)


def token_file(record: EvidenceRecord, seal: Seal) -> EvidenceFile:
    return EvidenceFile(f"{record.id}.tst", "application/timestamp-reply", seal.token)


def bundle_file(
    record: EvidenceRecord, body: bytes, seal: Seal | None, attachments: Mapping[str, bytes]
) -> EvidenceFile:
    """``seal`` None: the record waits for it and goes without."""
    files = [body_file(record, body)]
    if seal is not None:
        certificates = b"".join(map(certificate_pem, seal.certificates))
        chain = EvidenceFile("certificates.pem", "application/x-pem-file", certificates)
        files += [signature_file(record, seal), token_file(record, seal), chain]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file.name, file.data)
        for name, data in attachments.items():
            archive.writestr(f"attachments/{name}", data)
    return EvidenceFile(f"{record.id}.zip", "application/zip", buffer.getvalue())
