"""TLS endpoints: what they present, even when it is worthless, and what is wrong with it."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kernel.assets import Asset, AssetKind
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from monitor.adapters.tls import MemoryEndpoints, TlsProbe
from monitor.certificates import endpoint_name, facts_of, judge
from monitor.model import EndpointReading, FindingKind
from monitor.ports import EndpointAddress, EndpointProbe
from tests.conftest import on_sqlite
from tests.unit.monitor.conftest import World

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def certificate(start: timedelta, end: timedelta, name: str = "portal.city.gov.cn") -> tuple[bytes, bytes]:
    """(DER, PEM of key and certificate) valid from NOW + start to NOW + end, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(0xC0FFEE)
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.DER), private + made.public_bytes(Encoding.PEM)


EXPIRED = certificate(timedelta(days=-400), timedelta(days=-1))


class Server:
    """A TLS endpoint with an expired certificate, and ports that are closed, dumb or silent."""

    def __init__(self, folder: Path) -> None:
        pem = folder / "server.pem"
        pem.write_bytes(EXPIRED[1])
        pem.chmod(0o600)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self.asked_for: list[str | None] = []
        self._context.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)
        self.ports: dict[str, int] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._ready.wait(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._stop.wait()
            writer.close()

        async def dumb(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 no TLS here\r\n")
            await writer.drain()
            writer.close()

        async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        servers = {
            "tls": await asyncio.start_server(close, "127.0.0.1", 0, ssl=self._context),
            "silent": await asyncio.start_server(silent, "127.0.0.1", 0),
            "dumb": await asyncio.start_server(dumb, "127.0.0.1", 0),
            "closed": await asyncio.start_server(close, "127.0.0.1", 0),
        }
        self.ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
        servers.pop("closed").close()
        self._ready.set()
        await self._stop.wait()
        for server in servers.values():
            server.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("tls"))
    yield made
    made.stop()


def in_memory(server: Server) -> MemoryEndpoints:
    port = server.ports
    return MemoryEndpoints(
        {
            EndpointAddress("127.0.0.1", port["tls"]): EndpointReading(True, 0.001, "TLSv1.3", EXPIRED[0]),
            EndpointAddress("127.0.0.1", port["silent"]): EndpointReading(True, 0.001, problem="timeout"),
            EndpointAddress("127.0.0.1", port["dumb"]): EndpointReading(
                True, 0.001, problem="WRONG_VERSION_NUMBER"
            ),
        }
    )


@pytest.mark.parametrize("kind", ["real", "memory"])
def test_a_probe_tells_what_is_there_and_nothing_stops_the_others(server: Server, kind: str) -> None:
    probe: EndpointProbe = TlsProbe(timeout=2) if kind == "real" else in_memory(server)
    endpoints = [
        EndpointAddress("127.0.0.1", server.ports[name]) for name in ("silent", "dumb", "closed", "tls")
    ]
    seen = probe.probe(endpoints)
    silent, dumb, closed, tls = (seen[endpoint] for endpoint in endpoints)
    assert (tls.reachable, tls.tls, tls.certificate) == (True, "TLSv1.3", EXPIRED[0])
    assert tls.latency is not None
    assert (silent.reachable, silent.tls, silent.problem) == (True, "", "timeout")
    assert dumb.reachable
    assert dumb.problem
    assert (closed.reachable, closed.certificate) == (False, b"")
    assert closed.problem.lower() == "connection refused"


def test_an_endpoint_is_asked_for_its_name(server: Server) -> None:
    wanted = EndpointAddress("127.0.0.1", server.ports["tls"], "portal.city.gov.cn")
    assert TlsProbe().probe([wanted])[wanted].certificate == EXPIRED[0]
    assert server.asked_for[-1] == "portal.city.gov.cn"


def endpoint(port: int = 443, address: str = "10.1.0.80") -> Asset:
    return Asset(
        "asset_1", AssetKind.SERVICE, "portal", "u_city", "intranet", address, attributes={"tls_port": port}
    )


@pytest.mark.parametrize(
    ("start", "end", "kind"),
    [(-400, -1, FindingKind.EXPIRED_CERTIFICATE), (1, 400, FindingKind.CERTIFICATE_NOT_YET_VALID),
     (-380, 10, FindingKind.EXPIRING_CERTIFICATE), (-1, 364, None), (-2, 7, None), (-8, 1, FindingKind.EXPIRING_CERTIFICATE)],
)  # fmt: skip
def test_the_validity_of_a_certificate(start: int, end: int, kind: FindingKind | None) -> None:
    der, _pem = certificate(timedelta(days=start), timedelta(days=end))
    facts = facts_of(der)
    assert facts is not None
    found = judge(endpoint(), EndpointReading(True, 0.1, "TLSv1.3", der), facts, NOW)
    assert [fault.kind for fault in found] == ([kind] if kind else [])
    assert (facts.names, facts.serial, facts.key) == (("portal.city.gov.cn",), "c0ffee", "EC secp256r1")


def test_an_endpoint_is_named_with_its_port() -> None:
    assert endpoint_name(endpoint(8443)) == "10.1.0.80:8443"
    assert endpoint_name(endpoint(8443, "2001:db8::1")) == "[2001:db8::1]:8443"


@given(
    st.binary(max_size=300)
    | st.integers(0, len(EXPIRED[0]) - 1).map(lambda n: EXPIRED[0][:n] + b"\xff" + EXPIRED[0][n + 1 :])
)
def test_whatever_is_presented_gives_facts_or_none(data: bytes) -> None:
    facts = facts_of(data)
    assert facts is None or len(facts.fingerprint) == 64


def service_asset(world: World, admin: Principal, server: Server, name: str, kind: str) -> None:
    attributes = {"tls_port": server.ports[kind]}
    unit = "u_county" if name.startswith("county") else "u_city"
    world.register.put_asset(
        admin, Asset("", AssetKind.SERVICE, name, unit, "", "127.0.0.1", attributes=attributes)
    )


def test_the_register_s_endpoints_are_checked_and_their_certificates_listed(
    world: World, network_admin: Principal, server: Server
) -> None:
    world.endpoints.endpoints.update(in_memory(server).endpoints)
    service_asset(world, network_admin, server, "portal", "tls")
    service_asset(world, network_admin, server, "county-mail", "closed")
    check = world.service.endpoints.check(network_admin)
    found = {(str(one.kind), one.subject.split(":")[0]) for one in check.findings}
    assert found == {("expired-certificate", "127.0.0.1"), ("unreachable-service", "127.0.0.1")}
    inventory = {one.name: one for one in world.service.endpoints.page(network_admin, Ask()).items}
    assert (inventory["portal"].facts["serial"], inventory["portal"].state) == ("c0ffee", "expired")
    assert (inventory["county-mail"].facts, inventory["county-mail"].state) == ({}, "unreachable")
    local = Principal("usr_l", "l", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_county", "password")
    assert [one.name for one in world.service.endpoints.page(local, Ask()).items] == ["county-mail"]
    expired = next(one for one in world.service.records.record(network_admin)[2:])
    summary = world.evidence.get(expired).summary
    assert (summary["expired"], summary["days_left"]) == (True, -1)


@on_sqlite
def test_a_renewed_certificate_closes_the_finding(
    world: World, network_admin: Principal, server: Server
) -> None:
    service_asset(world, network_admin, server, "portal", "tls")
    address = EndpointAddress("127.0.0.1", server.ports["tls"])
    world.endpoints.endpoints[address] = EndpointReading(True, 0.1, "TLSv1.3", EXPIRED[0])
    assert len(world.service.endpoints.check(network_admin).findings) == 1
    fresh, _pem = certificate(timedelta(days=-1), timedelta(days=365))
    world.clock.advance(minutes=1)
    world.endpoints.endpoints[address] = EndpointReading(True, 0.1, "TLSv1.3", fresh)
    assert world.service.endpoints.check(network_admin).findings == ()
    assert world.findings(network_admin) == []
