"""Passwords (argon2id, RFC 9106) and time-based one-time passwords (RFC 6238)."""

import base64
import hmac
import secrets
from typing import TYPE_CHECKING

from kernel.errors import Invalid
from kernel.i18n import N_

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

TOTP_STEP = 30
TOTP_DIGITS = 6
_WINDOW = 1  # steps of clock difference that are forgiven on either side


class Passwords:
    """Hashes and checks passwords; ``minimum`` is the shortest length allowed."""

    def __init__(self, minimum: int = 12) -> None:
        from argon2 import PasswordHasher

        self._hasher = PasswordHasher()
        self._minimum = minimum
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; takes as long for an account that does not exist (None)."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(password_hash)

    def check_rules(self, password: str, login: str) -> None:
        """Invalid unless long enough, of three kinds of characters, and free of the login."""
        kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
        if len(password) < self._minimum or len(password) > 256:
            raise Invalid(N_("A password has at least %(minimum)s characters."), minimum=self._minimum)
        if sum(any(kind(c) for c in password) for kind in kinds) < 3:
            raise Invalid(N_("A password mixes three of: small and capital letters, digits, signs."))
        if login.lower() in password.lower():
            raise Invalid(N_("A password does not contain the login."))


def new_totp_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def provisioning_uri(login: str, secret: str) -> str:
    """The otpauth URI that authenticator apps read from a QR code."""
    return _totp(secret).get_provisioning_uri(login, "Weicheng")


def totp_code(secret: str, now: float) -> str:
    """The code that an authenticator app shows at ``now`` (Unix seconds)."""
    return _totp(secret).generate(int(now)).decode()


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The 30-second step whose code was given, within one step of ``now`` (Unix seconds); None if no code fits."""
    current = int(now) // TOTP_STEP
    found = None
    for step in range(current - _WINDOW, current + _WINDOW + 1):
        if hmac.compare_digest(totp_code(secret, step * TOTP_STEP).encode(), code.strip().encode()):
            found = step
    return found


def _totp(secret: str) -> "TOTP":
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    return TOTP(base64.b32decode(secret), TOTP_DIGITS, SHA1(), TOTP_STEP)  # noqa: S303 - RFC 6238's default
