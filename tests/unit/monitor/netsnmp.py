"""net-snmp's agent and trap tools: the other side of what monitoring speaks, written by somebody else."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from kernel.credentials import Credential
from tests.support.plugin import lacking
from tests.support.process import Server, server_folder

V3 = Credential(snmp_user="weicheng", snmp_auth=secrets.token_hex(12), snmp_priv=secrets.token_hex(12))
V2C = Credential(snmp_community=secrets.token_hex(8))


def need(program: str) -> str:
    """The program's path; the test is skipped (under CI it fails) where it is not installed."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        lacking(f"{program} is missing: apt-get install snmp snmpd")
    return found


class Snmpd:
    """A real agent on a loopback port of its own, v3 authPriv and v2c."""

    def __init__(self) -> None:
        self.folder = server_folder("snmpd-")
        self.port = free_udp_port()
        config = self.folder / "snmpd.conf"
        config.write_text(
            f"agentAddress udp:127.0.0.1:{self.port}\n"
            f"createUser {V3.snmp_user} SHA-256 {V3.snmp_auth} AES {V3.snmp_priv}\n"
            f"rouser {V3.snmp_user} priv\n"
            f"rocommunity {V2C.snmp_community} 127.0.0.0/8\n"
            "sysName city-server\nsysLocation 一号机房\n"
        )
        command = [need("snmpd"), "-f", "-Lo", "-C", "-c", str(config), "-p", str(self.folder / "pid")]
        self._server = Server(
            "snmpd", command, self.folder / "log", environment(self.folder), signal.SIGTERM, self.folder
        )
        self._server.wait_until(self._answers, 20)

    def walk(self, oid: str) -> str:
        """What ``snmpbulkwalk`` prints of the agent, numbers only."""
        return self._ask("snmpbulkwalk", oid)

    def stop(self) -> None:
        self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, program: str, oid: str) -> str:
        command = [need(program), "-v2c", "-c", V2C.snmp_community, "-r0", "-t1", "-One", "-Oe", "-OU", "-Ox"]
        done = subprocess.run(
            [*command, f"127.0.0.1:{self.port}", oid],
            env=environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def _answers(self) -> bool:
        return "1.3.6.1.2.1.1.5" in self._ask("snmpget", "1.3.6.1.2.1.1.5.0")


def environment(folder: Path) -> dict[str, str]:
    """No MIB files, and nothing kept outside the folder."""
    return {
        **os.environ,
        "MIBS": "",
        "SNMP_PERSISTENT_DIR": str(folder / "kept"),
        "SNMPCONFPATH": str(folder),
    }


def notify(
    folder: Path,
    port: int,
    credential: Credential,
    arguments: list[str],
    *,
    inform: bool = False,
    level: str = "authPriv",
) -> int:
    """Send a trap or inform with net-snmp's tools; the secrets are in a file, not in the arguments."""
    folder.mkdir(exist_ok=True)
    lines = ["defVersion 3", f"defSecurityLevel {level}", "defAuthType SHA-256", "defPrivType AES"]
    lines += [
        f"defSecurityName {credential.snmp_user}",
        f"defAuthPassphrase {credential.snmp_auth}",
        f"defPrivPassphrase {credential.snmp_priv}",
    ]
    if not credential.snmp_user:
        lines = ["defVersion 2c", f"defCommunity {credential.snmp_community}"]
    (folder / "snmp.conf").write_text("\n".join(lines) + "\n")
    program = need("snmpinform" if inform else "snmptrap")
    options = ["-r", "1", "-t", "3"] if inform else []
    target = f"127.0.0.1:{port}"
    position = next(
        (n for n, word in enumerate(arguments) if not word.startswith(("-", "0x"))), len(arguments)
    )
    command = [program, *options, *arguments[:position], target, "", *arguments[position:]]
    return subprocess.run(
        command, env=environment(folder), capture_output=True, check=False, timeout=20
    ).returncode


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
