"""pkilint in this process (lazily: it is a heavy library): what others' rules find in a certificate before it is signed.

Errors stop the issuing; what is milder is recorded with the intent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ca.profiles.model import Lint
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.pki import der

SHOWN = 10  # findings that an error tells


@dataclass(frozen=True)
class Finding:
    """What a rule found. ``code`` is pkilint's name of the rule, ``path`` the field."""

    severity: str  # fatal, error, warning, notice, info
    code: str
    path: str
    message: str

    @property
    def stops(self) -> bool:
        return self.severity in ("fatal", "error")

    def __str__(self) -> str:
        return f"{self.code} ({self.path})" + (f": {self.message}" if self.message else "")


class LintFailed(Invalid):
    """Findings that must not be in a certificate; ``findings`` holds all of them."""

    def __init__(self, profile: str, findings: Sequence[Finding]) -> None:
        stopping = [finding for finding in findings if finding.stops]
        super().__init__(
            N_("A certificate of profile %(profile)s would break rules: %(findings)s"),
            mend=N_("Change the request, or have the profile changed."),
            place=stopping[0].path[:120],
            profile=profile,
            findings="; ".join(str(finding) for finding in stopping[:SHOWN]),
        )
        self.findings = tuple(findings)


def findings_of(certificate: bytes, rules: Lint) -> list[Finding]:
    """What the rules find in a DER certificate, the worst first; its signature is not looked at."""
    if rules is Lint.NONE:
        return []
    from pkilint.loader import RFC5280CertificateDocumentLoader

    document = RFC5280CertificateDocumentLoader().load_der_document(certificate, "certificate")
    results, found = _JUDGES[rules](document), []
    for result in results:
        for one in result.finding_descriptions:
            severity = one.finding.severity.name.lower()
            found.append(
                (one.finding.severity, severity, one.finding.code, result.node.path, one.message or "")
            )
    return [Finding(*values) for _, *values in sorted(found)]


def unsigned(tbs: bytes, signature_algorithm: bytes) -> bytes:
    """A certificate that has no signature yet, for the rules to be held against."""
    return der.sequence(tbs, signature_algorithm, der.bit_string(bytes(64)))


@cache
def _pkix() -> Any:
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def _by_pkix(document: Any) -> Any:
    return _pkix().validate(document.root)


def _by_serverauth(document: Any) -> Any:
    from pkilint.cabf import serverauth
    from pkilint.finding_filter import filter_results
    from pkilint.pkix import certificate

    kind = serverauth.determine_certificate_type(document)
    judge = certificate.create_pkix_certificate_validator_container(
        serverauth.create_decoding_validators(), serverauth.create_validators(kind)
    )
    kept, _ = filter_results(
        serverauth.create_serverauth_finding_filters(kind), judge.validate(document.root)
    )
    return kept


def _by_smime(document: Any) -> Any:
    from pkilint.cabf import smime
    from pkilint.pkix import certificate

    level, generation = smime.guess_validation_level_and_generation(document, None)
    judge = certificate.create_pkix_certificate_validator_container(
        smime.create_decoding_validators(), smime.create_subscriber_validators(level, generation)
    )
    return judge.validate(document.root)


_JUDGES: dict[Lint, Callable[[Any], Any]] = {
    Lint.PKIX: _by_pkix,
    Lint.SERVER: _by_serverauth,
    Lint.MAIL: _by_smime,
}
