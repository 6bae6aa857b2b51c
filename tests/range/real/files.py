"""A real host's own files: an /etc, a /run and daemons' folders of its own, mounted over the machine's in its namespace."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.range.plan import Host

OWN = ("/etc", "/run", "/var/lib/snmp", "/var/log", "/var/tmp")  # folders that start empty
FROM_MACHINE = ("ld.so.cache", "ld.so.conf", "ssl/openssl.cnf", "protocols", "services")
HOME = "/run/home"
# name, uid, home, shell; uids that no machine gives to people
USERS = (
    ("root", 0, "/root", "/bin/bash"),
    ("sshd", 61001, "/run/sshd", "/usr/sbin/nologin"),
    ("frr", 61002, "/nonexistent", "/usr/sbin/nologin"),
    ("weicheng", 61003, HOME, "/bin/bash"),
    ("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
)
FRRVTY = 61010  # group that may use vtysh


def own_id(wanted: int) -> int:
    """The uid or gid to use: the wanted one for root; without root a user namespace knows the caller's alone."""
    return wanted if os.geteuid() == 0 else os.geteuid()


def give(path: Path, uid: int, gid: int) -> None:
    """Change the owner, where there is more than one to choose from."""
    if os.geteuid() == 0:
        os.chown(path, uid, gid)


def take_over(host: Host, orders: dict[str, Any]) -> None:
    """Mount the folders and write the files; only this namespace sees them."""
    hashed = _hash(orders["credential"]["password"])
    machine = {name: Path("/etc", name).read_bytes() for name in FROM_MACHINE if Path("/etc", name).exists()}
    for folder in filter(os.path.isdir, OWN):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder], check=True)
    for name, data in machine.items():
        _write(Path("/etc", name), data)
    shutil.copytree(host.folder / "etc", "/etc", dirs_exist_ok=True)
    _write_accounts(host, hashed)
    _write_keys(orders)
    _write_snmp(orders)


def ports_of(host: Host) -> list[dict[str, Any]]:
    """``ports.yaml``: name, mac, addresses (as the kernel gets them) of each Ethernet port."""
    ports: list[dict[str, Any]] = yaml.safe_load(host.text("ports.yaml"))
    return ports


def _hash(password: str) -> str:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, text=True, check=True, capture_output=True
    )
    return done.stdout.strip()


def _write_accounts(host: Host, hashed: str) -> None:
    people = [(name, own_id(uid) if uid else 0, home, shell) for name, uid, home, shell in USERS]
    passwd = "".join(f"{name}:x:{uid}:{uid}::{home}:{shell}\n" for name, uid, home, shell in people)
    group = "".join(f"{name}:x:{uid}:\n" for name, uid, _, _ in people)
    group += f"frrvty:x:{own_id(FRRVTY)}:frr,weicheng\n"
    shadow = "".join(
        f"{name}:{hashed if name == 'weicheng' else '*'}:20000:0:99999:7:::\n" for name, *_ in USERS
    )
    texts = {
        "passwd": passwd,
        "group": group,
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n",
        "hostname": f"{host.name}\n",
        "hosts": f"127.0.0.1 localhost\n{host.address} {host.name}\n",
        "shells": "/bin/bash\n",
        "profile": "PS1='\\u@\\h:\\w\\$ '\nexport LANG=C.UTF-8 TZ=Asia/Shanghai PATH=/usr/bin:/bin\numask 027\n",
    }
    for name, text in texts.items():
        _write(Path("/etc", name), text.encode())
    _write(Path("/etc/shadow"), shadow.encode(), 0o600)


def _write_keys(orders: dict[str, Any]) -> None:
    _write(Path("/etc/ssh/ssh_host_ed25519_key"), orders["host_key"].encode(), 0o600)
    _write(Path("/etc/ssh/authorized_keys"), orders["authorized_key"].encode())
    for folder, owner in (("/run/sshd", 0), (HOME, 61003)):
        Path(folder).mkdir(mode=0o755)
        give(Path(folder), owner, owner)


def _write_snmp(orders: dict[str, Any]) -> None:
    """net-snmp's own store: the user's pass phrases, and boots that grow with each start (snmpd.conf(5))."""
    credential = orders["credential"]
    text = (
        f'createUser {credential["snmp_user"]} SHA-256 "{credential["snmp_auth"]}" AES "{credential["snmp_priv"]}"\n'
        f"engineBoots {orders['boots']}\n"
        f"oldEngineID 0x{orders['engine_id']}\n"
    )
    _write(Path("/var/lib/snmp/snmpd.conf"), text.encode(), 0o600)
    with Path("/etc/snmp/snmpd.conf").open("a") as settings:
        settings.write(f"exactEngineID 0x{orders['engine_id']}\n")


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
