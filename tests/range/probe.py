"""Whether a host's ports answer, asked the way a client would: an SSH greeting, an SNMP discovery, a TLS connection."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.range.snmp import usm
from tests.range.snmp.agent import GET

Probe = Callable[[str, int], bool]


def ssh_answers(address: str, port: int, timeout: float = 2.0) -> bool:
    try:
        with socket.create_connection((address, port), timeout) as client:
            client.settimeout(timeout)
            return client.recv(4) == b"SSH-"
    except OSError:
        return False


def snmp_answers(address: str, port: int, timeout: float = 1.0) -> bool:
    """Discovery of the engine id (RFC 3414 section 4): any agent reports it to anybody."""
    nobody = usm.Engine(b"", 0, time.time())
    question = usm.scoped(nobody, b"", usm.pdu(GET, 1, 0, 0, []))
    message = usm.protect(nobody, None, usm.REPORTABLE, 1, question)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((address, port))
            client.send(message)
            return client.recv(1500)[:1] == b"\x30"
        except OSError:
            return False


def tls_answers(address: str, port: int, timeout: float = 2.0) -> bool:
    """A handshake with whatever certificate: whether it is a good one is for others to say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), timeout) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


PROBES: Mapping[str, Probe] = {"ssh": ssh_answers, "snmp": snmp_answers, "tls": tls_answers}


def silent_ports(entry: Mapping[str, Any]) -> list[str]:
    """Which of ssh, snmp and tls do not answer at a host of the state."""
    return [
        name
        for name, answers in PROBES.items()
        if entry[f"{name}_port"] and not answers(entry["address"], entry[f"{name}_port"])
    ]
