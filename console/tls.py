"""TLS as our servers speak it, by a certificate of our own CA."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from kernel.errors import Unavailable
from kernel.i18n import N_

# Suites with forward secrecy and authenticated encryption; TLS 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TlsFiles(NamedTuple):
    """A section of the settings, and the PEM files that it names."""

    section: str
    certificate: Path | None
    key: Path | None
    client_ca: Path | None = None


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 and later. With ``client_ca`` a client certificate is asked for, never demanded.

    One that was not issued below ``client_ca`` ends the handshake; revocation is checked at sign-in and on every request,
    against the register itself, so that it counts at once (kernel.identity.sign_in).
    """
    certificate, key, client_ca = files.certificate, files.key, files.client_ca
    if certificate is None or key is None:
        raise Unavailable(
            N_("This server has no TLS certificate."),
            mend=N_(
                "Set %(section)s.certificate and %(section)s.key to a certificate of your CA and its key."
            ),
            section=files.section,
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    _load(certificate, lambda: context.load_cert_chain(certificate, key))
    if client_ca is not None:
        _load(client_ca, lambda: context.load_verify_locations(client_ca))
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _load(path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            N_("The TLS certificate or its key can not be read: %(detail)s"),
            mend=N_("Check the files named in the settings."),
            place=str(path),
            detail=error.strerror or str(error),
        ) from error


class ContextCache:
    """The TLS context, built anew when one of its files changes: a renewed certificate counts without a restart."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._context = tls_context(files)
        self._form = self._times()

    def current(self) -> ssl.SSLContext:
        """The context for the next connection; the last good one while a renewal is half-way or wrong."""
        form = self._times()
        if form != self._form:
            try:
                self._context, self._form = tls_context(self._files), form
            except Unavailable as error:
                structlog.get_logger("tls").error("renewed certificate refused", exc_info=error)
        return self._context

    def _times(self) -> tuple[int, ...]:
        files = self._files[1:]
        return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files if file)
