"""Active checks of TLS endpoints: does it answer, how fast, what certificate does it present."""

import asyncio
import os
import ssl
import time
from collections.abc import Mapping, Sequence

from monitor.model import EndpointReading
from monitor.ports import EndpointAddress


class TlsProbe:
    """Connects and shakes hands without believing anything: expired and untrusted certificates are what we look for."""

    def __init__(self, *, timeout: float = 5.0, in_flight: int = 50) -> None:
        self._timeout = timeout
        self._in_flight = in_flight

    def probe(self, endpoints: Sequence[EndpointAddress]) -> dict[EndpointAddress, EndpointReading]:
        return asyncio.run(self._probe_all(endpoints))

    async def _probe_all(
        self, endpoints: Sequence[EndpointAddress]
    ) -> dict[EndpointAddress, EndpointReading]:
        gate = asyncio.Semaphore(self._in_flight)

        async def one(endpoint: EndpointAddress) -> tuple[EndpointAddress, EndpointReading]:
            async with gate:
                return endpoint, await self._probe(endpoint)

        return dict(await asyncio.gather(*map(one, endpoints)))

    async def _probe(self, endpoint: EndpointAddress) -> EndpointReading:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                _reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
        except (OSError, TimeoutError) as error:
            return EndpointReading(False, problem=_told(error))
        latency = round(time.monotonic() - begun, 6)
        try:
            async with asyncio.timeout(self._timeout):
                await writer.start_tls(_context(), server_hostname=endpoint.server_name or None)
            session: ssl.SSLObject = writer.get_extra_info("ssl_object")
            der = session.getpeercert(binary_form=True) or b""
            return EndpointReading(True, latency, session.version() or "", der)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            return EndpointReading(True, latency, problem=_told(error))
        finally:
            writer.transport.abort()


def _context() -> ssl.SSLContext:
    """A client that accepts everything, old versions and weak keys too, in order to report them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _told(error: BaseException) -> str:
    """What went wrong, without addresses, so that the same fault always reads the same."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "TLS handshake failed")
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


class MemoryEndpoints:
    """Endpoints in memory, for tests and drills; an unknown one does not answer."""

    def __init__(self, endpoints: Mapping[EndpointAddress, EndpointReading]) -> None:
        self.endpoints = dict(endpoints)

    def probe(self, endpoints: Sequence[EndpointAddress]) -> dict[EndpointAddress, EndpointReading]:
        gone = EndpointReading(False, problem="connection refused")
        return {endpoint: self.endpoints.get(endpoint, gone) for endpoint in endpoints}
