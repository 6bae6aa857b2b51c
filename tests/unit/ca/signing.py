"""People who sign: a key with a certificate of our CA, signatures by OpenSSL and pyHanko, time-stamps of our own authority."""

import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import Reference, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import TimeStamper

from ca.model import Certificate
from kernel.pki.pem import certificate_pem
from tests.unit.ca.conftest import World


@dataclass(frozen=True)
class Signer:
    """Who signs: the certificate of the register, files for OpenSSL."""

    certificate: Certificate
    pem: Path
    key: Path
    chain: Path


class OwnTsa(TimeStamper):
    """Asks the suite's own time-stamping authority."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._world.ca.timestamps.answer(req.dump()))


def make_signer(world: World, folder: Path, name: str = "陈晓明") -> Signer:
    """A person's certificate for a key of their own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    asked = {"O": "临江县大数据中心", "CN": name}
    issued = world.issue(subject=asked, csr=csr.public_bytes(Encoding.DER))
    made = Signer(issued, folder / f"{name}.pem", folder / f"{name}.key", folder / "chain.pem")
    made.pem.write_bytes(certificate_pem(issued.der))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.chain.write_bytes(certificate_pem(world.ca.authority("issuing").certificate))
    return made


def cms(signer: Signer, document: Path, *options: str) -> bytes:
    """OpenSSL's CMS over a file; detached unless ``-nodetach`` is among the options."""
    command = ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-in", str(document)]
    who = ["-signer", str(signer.pem), "-inkey", str(signer.key), "-certfile", str(signer.chain)]
    return subprocess.run([*command, *who, *options], capture_output=True, check=True).stdout


def blank_pdf() -> bytes:
    """A PDF with one empty page."""
    writer = PdfFileWriter()
    stream = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
    assert isinstance(stream.reference, Reference)
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 595, 842)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def signed_pdf(
    signer: Signer, data: bytes, field: str = "Signature1", tsa: TimeStamper | None = None
) -> bytes:
    """The PDF with one more signature, in a further revision."""
    who = signers.SimpleSigner.load(str(signer.key), str(signer.pem), ca_chain_files=(str(signer.chain),))
    assert who is not None
    out = io.BytesIO()
    about = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    signers.PdfSigner(about, who, timestamper=tsa).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(data)), output=out
    )
    return out.getvalue()


def with_another_page_content(data: bytes) -> bytes:
    """The PDF with its page written over, as a further revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    page[pdf_name("/MediaBox")] = generic.ArrayObject(
        [generic.NumberObject(number) for number in (0, 0, 100, 100)]
    )
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def server_csr(name: str) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A server's key and its request (PKCS#10, DER)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return key, csr.public_bytes(Encoding.DER)
