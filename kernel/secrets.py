"""Secrets at rest: sealed with AES-256-GCM (NIST SP 800-38D) under a key file that only the suite's account can read."""

import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

from kernel.errors import IntegrityFailed, Unavailable
from kernel.i18n import N_

_NONCE = 12
_KEY = 32


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read (0600), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def make_private_once(path: Path, data: bytes) -> bytes:
    """Write a private file unless there is one, and return what it holds: of processes that start together one wins."""
    if not path.exists():
        offered = path.with_name(f".{path.name}.offer-{secrets.token_hex(6)}")
        write_private(offered, data)
        with suppress(FileExistsError):
            os.link(offered, path)
        offered.unlink()
    return path.read_bytes()


class SecretBox:
    """Seals and opens small secrets. The key file is made at first use; losing it loses the secrets."""

    def __init__(self, key_file: Path) -> None:
        self._key = make_private_once(key_file, secrets.token_bytes(_KEY))
        self._check(key_file)

    def seal(self, secret: bytes, *, context: str = "") -> str:
        """Text form of nonce + ciphertext + tag; ``context`` must be given again to open it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return urlsafe_b64encode(nonce + AESGCM(self._key).encrypt(nonce, secret, context.encode())).decode()

    def open(self, sealed: str, *, context: str = "") -> bytes:
        """The secret; IntegrityFailed when the text was changed or sealed under another key or context."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = urlsafe_b64decode(sealed)
            return AESGCM(self._key).decrypt(raw[:_NONCE], raw[_NONCE:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise IntegrityFailed(
                N_("A stored secret can not be opened."),
                mend=N_("Check that the key file is the one it was sealed with."),
            ) from error

    def mark(self, text: bytes, *, context: str) -> str:
        """HMAC-SHA256 (hex) by which the same text is known again; without the key no guess at it can be tried."""
        key = hmac.digest(self._key, b"mark", "sha256")
        return hmac.digest(key, context.encode() + b"\0" + text, "sha256").hex()

    @staticmethod
    def _check(key_file: Path) -> None:
        status = key_file.stat()
        if status.st_mode & 0o077:
            raise Unavailable(
                N_("The key file can be read by others."),
                mend=N_("Run chmod 600 on it."),
                place=str(key_file),
            )
        if status.st_size != _KEY:
            raise Unavailable(N_("The key file does not hold a 256-bit key."), place=str(key_file))
