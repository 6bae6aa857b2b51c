"""Keys in one encrypted file: argon2id (RFC 9106) over the pass-phrase, AES-256-GCM over each key.

The file is JSON, 0600, replaced whole; name, role and algorithm of a key are authenticated with it, so that nobody can
turn an OCSP key into an issuing one by editing the file.
"""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from ca.signer.model import KeyInfo, KeyRole
from ca.signer.passphrase import SALT_OCTETS, check_passphrase, derive
from ca.signer.software import SoftwareKeys, check_name, key_info
from kernel.canonical import canonical_json
from kernel.errors import Conflict, IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from kernel.pki import algorithms
from kernel.secrets import write_private


class KeyFileSigner(SoftwareKeys):
    """Keys in the file ``path``; the pass-phrase is asked for once, when the file is first read."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path = path
        self._passphrase = check_passphrase(passphrase, N_("The signer's pass-phrase is too short."))
        self._lock = RLock()
        self._stamp: tuple[int, int] | None = None
        self._secret: tuple[bytes, bytes] = (b"", b"")  # salt, derived key
        self._held: dict[str, tuple[KeyInfo, PrivateKeyTypes]] = {}

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        check_name(name)
        row = algorithms.algorithm(algorithm)
        with self._lock, file_lock(self._path):
            self._refresh()
            if name in self._held:
                raise Conflict(N_("There is a key %(name)s already."), name=name)
            private = algorithms.generate(row)
            info = key_info(name, role, algorithm, private)
            self._write({**self._held, name: (info, private)})
            self._refresh()
        return info

    def keys(self) -> Sequence[KeyInfo]:
        with self._lock:
            self._refresh()
            return [info for _, (info, _) in sorted(self._held.items())]

    def _key(self, name: str) -> tuple[KeyInfo, PrivateKeyTypes]:
        with self._lock:
            if name not in self._held:
                self._refresh()
            held = self._held.get(name)
        if held is None:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return held

    def change_passphrase(self, new: str) -> str:
        """Write the keys under another pass-phrase, which is given back; the old one opens nothing afterwards."""
        with self._lock, file_lock(self._path):
            self._refresh()
            passphrase = check_passphrase(new, N_("The signer's pass-phrase is too short."))
            self._passphrase, self._secret = passphrase, (b"", b"")
            if self._held:
                self._write(self._held)
                self._refresh()
        return new

    def close(self) -> None:
        """Forget keys and pass-phrase."""
        with self._lock:
            self._passphrase, self._secret, self._held, self._stamp = b"", (b"", b""), {}, None

    # --- the file
    def _refresh(self) -> None:
        """Read the file again if another process has replaced it."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._held = None, {}
            return
        if status.st_mode & 0o077:
            raise Unavailable(
                N_("The key file can be read by others."),
                mend=N_("Run chmod 600 on it."),
                place=str(self._path),
            )
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._held = dict(self._read())
            self._stamp = stamp

    def _read(self) -> Iterator[tuple[str, tuple[KeyInfo, PrivateKeyTypes]]]:
        try:
            content = json.loads(self._path.read_bytes())
            cipher = AESGCM(self._derived(b64decode(content["salt"])))
            for entry in content["keys"]:
                nonce = b64decode(entry["nonce"])
                raw = cipher.decrypt(nonce, b64decode(entry["sealed"]), _header(entry))
                private = load_der_private_key(raw, None)
                yield entry["name"], (_info(entry, private), private)
        except (ValueError, KeyError, TypeError, InvalidTag) as error:
            raise IntegrityFailed(
                N_("The signer's key file can not be opened."),
                mend=N_("Check the pass-phrase, or restore the file from a backup."),
                place=str(self._path),
            ) from error

    def _write(self, held: Mapping[str, tuple[KeyInfo, PrivateKeyTypes]]) -> None:
        salt = os.urandom(SALT_OCTETS)
        cipher = AESGCM(self._derived(salt))
        entries = [_entry(cipher, info, private) for info, private in held.values()]
        content = {"version": 1, "salt": b64encode(salt).decode(), "keys": entries}
        write_private(self._path, json.dumps(content, indent=1).encode())

    def _derived(self, salt: bytes) -> bytes:
        if self._secret[0] != salt:
            self._secret = (salt, derive(self._passphrase, salt))
        return self._secret[1]


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Keep other processes from replacing the file at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _entry(cipher: AESGCM, info: KeyInfo, private: PrivateKeyTypes) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": info.name, "role": str(info.role), "algorithm": info.algorithm}
    raw = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    nonce = os.urandom(12)
    sealed = cipher.encrypt(nonce, raw, _header(entry))
    return entry | {"nonce": b64encode(nonce).decode(), "sealed": b64encode(sealed).decode()}


def _header(entry: Mapping[str, Any]) -> bytes:
    return canonical_json({name: entry[name] for name in ("name", "role", "algorithm")})


def _info(entry: Mapping[str, Any], private: PrivateKeyTypes) -> KeyInfo:
    return key_info(entry["name"], KeyRole(entry["role"]), entry["algorithm"], private)
