"""TLS endpoints: the web pages of devices and servers, with valid certificates and, where planted, an expired one."""

import asyncio
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kernel.secrets import write_private
from tests.range.plan import Host

PAGE = """HTTP/1.1 200 OK\r
Content-Type: text/html; charset=utf-8\r
Content-Length: {size}\r
Connection: close\r
\r
{body}"""
PERIODS = {"valid": (-30, 335), "expired": (-400, -35)}  # days from now: not before, not after


class Certificates:
    """A folder of ``ca.pem`` and ``<host>.pem`` + ``<host>.key``; what is not given is made by a CA of our own."""

    def __init__(self, folder: Path, given: Path | None = None) -> None:
        self.folder = folder
        self._ca_key: ec.EllipticCurvePrivateKey | None = None
        shutil.rmtree(folder, ignore_errors=True)  # those of the last time, and of a CA whose key is gone
        folder.mkdir(parents=True, mode=0o700)
        for path in sorted(given.iterdir()) if given else []:
            if path.suffix in (".pem", ".key"):
                shutil.copyfile(path, folder / path.name)
                (folder / path.name).chmod(0o600)

    def context(self, host: Host) -> ssl.SSLContext:
        """The server side's context; makes certificate and key when they are not there."""
        certificate, key = self.folder / f"{host.name}.pem", self.folder / f"{host.name}.key"
        if not certificate.exists():
            self._issue(host, certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        return context

    def _issue(self, host: Host, certificate_file: Path, key_file: Path) -> None:
        ca_key, issuer = self._authority()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(host.name), x509.IPAddress(ip_address(host.address))]
        certificate = (
            _builder(_name(host.name), issuer, key, PERIODS[host.tls])
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )
        write_private(key_file, _private(key))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _authority(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
        """Our own CA; its certificate is ca.pem unless one was given, its key is never written."""
        name = _name("Practice network CA")
        if self._ca_key is None:
            self._ca_key = ec.generate_private_key(ec.SECP256R1())
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            certificate = (
                _builder(name, name, self._ca_key, (-800, 800))
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(usage, critical=True)
                .add_extension(
                    x509.SubjectKeyIdentifier.from_public_key(self._ca_key.public_key()), critical=False
                )
                .sign(self._ca_key, hashes.SHA256())
            )
            if not (self.folder / "ca.pem").exists():
                (self.folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return self._ca_key, name


class TlsEndpoint:
    """One host's page over TLS."""

    def __init__(self, host: Host, port: int, context: ssl.SSLContext) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        self._server = await asyncio.start_server(
            self._serve, self._host.address, self._port, ssl=self._context, ssl_handshake_timeout=10
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            body = f"<!doctype html><title>{self._host.title['zh']}</title><h1>{self._host.name}</h1>\n"
            writer.write(PAGE.format(size=len(body.encode()), body=body).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError, ssl.SSLError):
            pass  # the client only wanted to see the certificate, or went away
        finally:
            writer.close()


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
