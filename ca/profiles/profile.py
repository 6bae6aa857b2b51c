"""A profile: what a certificate of one kind may be and hold. Pure; every rule comes from the profile's document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ca.profiles.model import Lint, Usage
from ca.profiles.rules import Attribute, NameRules, violation
from kernel.i18n import N_
from kernel.pki.algorithms import Algorithm


@dataclass(frozen=True)
class Policy:
    """A certificate policy (RFC 5280 4.2.1.4): its OID and where its practice statement is, "" for nowhere."""

    oid: str
    cps: str


@dataclass(frozen=True)
class Profile:
    """One kind of certificate. ``addresses`` (crl, ocsp, issuer) replace the installation's own where they are given."""

    id: str
    version: str
    title: Mapping[str, str]
    usage: Usage
    keys: frozenset[str]
    own_key: frozenset[str]
    subject: Mapping[str, Attribute]
    names: NameRules
    validity: timedelta
    renewal: timedelta
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    extended_critical: bool
    path_length: int | None
    policies: tuple[Policy, ...]
    addresses: Mapping[str, tuple[str, ...]]
    ocsp_no_check: bool
    listed: bool
    lint: Lint
    approvals: int

    @property
    def asked(self) -> Mapping[str, Attribute]:
        """The attributes of the subject that an applicant gives; the others have a fixed value."""
        return {key: rule for key, rule in self.subject.items() if rule.value is None}

    def complete_subject(self, given: Mapping[str, str]) -> dict[str, str]:
        """The subject with fixed values filled in; ProfileViolation names the attribute that is wrong."""
        strangers = sorted(given.keys() - self.subject.keys())
        if strangers:
            message = N_("Profile %(profile)s has no such attribute.")
            allowed = ", ".join(self.subject)
            raise violation(self.id, strangers[0], message, N_("Allowed: %(allowed)s."), allowed=allowed)
        values = {key: rule.complete(self.id, key, given.get(key)) for key, rule in self.subject.items()}
        return {key: value for key, value in values.items() if value is not None}

    def check_names(self, names: Sequence[str], units: Sequence[str] = ()) -> None:
        """Every alternative name is of a kind, and within the bounds, that the profile allows to the applicant's unit.

        ``units`` are the ids of that unit and of those above it (needed where ``names.by_unit``).
        """
        self.names.check(self.id, names, units)

    def check_key(self, algorithm: Algorithm) -> None:
        """The key is of an allowed algorithm."""
        if algorithm.name not in self.keys:
            raise violation(
                self.id,
                "public key",
                N_("Profile %(profile)s does not allow %(algorithm)s keys."),
                N_("Allowed: %(allowed)s."),
                algorithm=algorithm.name,
                allowed=", ".join(sorted(self.keys)),
            )
