"""Secrets out of configurations, with changes kept visible.

Each secret is replaced by ``<masked:…>``, 16 hex digits of HMAC-SHA-256 (RFC 2104) under the installation's key: the same
secret always gives the same mark, a changed one another, and without the key nobody can try passwords against it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netops.vendors import Vendor
from netops.vendors.model import SecretPattern

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_MARK = re.compile(r"^<masked:[0-9a-f]{16}>$")


@dataclass(frozen=True)
class Masked:
    """A masked configuration: as many lines as the original, and the secrets found in each (line index → secrets)."""

    lines: tuple[str, ...]
    secrets: dict[int, tuple[str, ...]]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Masker:
    """Masks with one key; ``known`` are secrets to remove wherever they stand (the credentials used to log in)."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the masking key has at least 32 bytes")
        self._key = key

    def mark(self, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode(), hashlib.sha256).hexdigest()
        return f"<masked:{digest[:16]}>"

    def mask(self, lines: Sequence[str], vendor: Vendor, known: Iterable[str] = ()) -> Masked:
        """Mask line by line; private-key blocks are masked whole. Line numbers stay what they were."""
        patterns = [(re.compile(pattern.line), pattern) for pattern in vendor.secrets]
        everywhere = tuple(secret for secret in known if len(secret) >= 8)
        out: list[str] = []
        secrets: dict[int, tuple[str, ...]] = {}
        block: re.Pattern[str] | None = None
        for index, line in enumerate(lines):
            if block is not None:
                block = None if block.search(line) else block
                found: tuple[str, ...] = (line.strip(),) if line.strip() else ()
            else:
                found, block = self._secrets_of(line, patterns)
                found += tuple(secret for secret in everywhere if secret in line)
            out.append(self.hide(line, found))
            if found:
                secrets[index] = found
        return Masked(tuple(out), secrets)

    def hide(self, text: str, secrets: Iterable[str]) -> str:
        """Replace each of ``secrets`` in ``text`` where it stands as a word of its own, else everywhere."""
        for secret in sorted(set(secrets), key=len, reverse=True):
            whole = rf"(?<!\S){re.escape(secret)}(?!\S)"
            text, count = re.subn(whole, self.mark(secret), text)
            if not count:
                text = text.replace(secret, self.mark(secret))
        return text

    def _secrets_of(
        self, line: str, patterns: list[tuple[re.Pattern[str], SecretPattern]]
    ) -> tuple[tuple[str, ...], re.Pattern[str] | None]:
        if _PEM_BEGIN.search(line):
            return (), _PEM_END
        found: list[str] = []
        for regex, pattern in patterns:
            match = regex.search(line)
            if match is None:
                continue
            values = [value for value in match.groupdict().values() if value is not None]
            found += [value for value in values if _is_secret(value, pattern)]
            if pattern.block_end is not None:
                return tuple(found), re.compile(pattern.block_end)
        return tuple(found), None


def _is_secret(value: str, pattern: SecretPattern) -> bool:
    """A well-known default protects nothing and stays readable; so does a mark that is already there."""
    return value not in pattern.well_known and not _MARK.match(value)
