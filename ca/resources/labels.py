"""States, reasons, usages and profiles as people say them; what several declarations share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.x509.oid import NameOID
from pydantic import Field

from ca.hierarchy.model import PURPOSES, CeremonyKind, CeremonyState, OfflineState, OwnKind, Step
from ca.model import AuthorityKind, AuthorityState, Freshness, ProposalState, Reason, State
from ca.overview import title
from ca.profiles import Usage
from ca.registration.signatures import LARGEST
from ca.status.lifecycle import REASONS
from ca.status.model import ProofState
from kernel.clock import written
from kernel.edges.resources import Filter, Label, Labels, Tone
from kernel.edges.shared import texts
from kernel.i18n import N_, current_language, translate
from kernel.identity.model import Principal
from kernel.pki.algorithms import ALGORITHMS
from kernel.pki.names import name_of

STATES: Labels = {
    State.REQUESTED: Label(N_("waiting for approval"), Tone.BUSY),
    State.APPROVED: Label(N_("approved, being signed"), Tone.BUSY),
    State.REJECTED: Label(N_("turned down"), Tone.QUIET),
    State.GIVEN_UP: Label(N_("never signed, given up"), Tone.QUIET),
    State.ISSUED: Label(N_("in force"), Tone.GOOD),
    State.HELD: Label(N_("suspended"), Tone.WARN),
    State.REVOKED: Label(N_("revoked for good"), Tone.BAD),
    State.SUPERSEDED: Label(N_("replaced by a newer one"), Tone.QUIET),
    State.EXPIRED: Label(N_("past its end"), Tone.QUIET),
}
REQUEST_STATES: Labels = {
    **{state: STATES[state] for state in (State.REQUESTED, State.APPROVED, State.REJECTED, State.GIVEN_UP)},
    State.ISSUED: Label(N_("certificate issued"), Tone.GOOD),
}
CERTIFICATE_STATES: Labels = {
    state: label for state, label in STATES.items() if state not in (State.REQUESTED, State.REJECTED)
}
REASON_LABELS: Labels = {
    "unspecified": Label(N_("no reason told")),
    "key_compromise": Label(N_("key compromised"), Tone.BAD),
    "ca_compromise": Label(N_("CA compromised"), Tone.BAD),
    "affiliation_changed": Label(N_("affiliation changed")),
    "superseded": Label(N_("replaced by another")),
    "cessation_of_operation": Label(N_("no longer in operation")),
    "certificate_hold": Label(N_("suspended for a time"), Tone.WARN),
    "remove_from_crl": Label(N_("suspension ends"), Tone.GOOD),
    "privilege_withdrawn": Label(N_("privilege withdrawn"), Tone.WARN),
    "aa_compromise": Label(N_("attribute authority compromised"), Tone.BAD),
}
FRESHNESS: Labels = {
    Freshness.GOOD: Label(N_("within its time"), Tone.GOOD),
    Freshness.DUE: Label(N_("renewal is due"), Tone.WARN),
    Freshness.ENDED: Label(N_("past its time"), Tone.BAD),
    Freshness.MISSING: Label(N_("not made yet"), Tone.BAD),
}
USAGES: Labels = {
    Usage.SUBJECT: Label(N_("for applicants")),
    Usage.SERVICE: Label(N_("for the suite's services")),
    Usage.AUTHORITY: Label(N_("for CAs")),
}
ROLES: Labels = {
    "ocsp": Label(N_("OCSP responder")),
    "timestamp": Label(N_("Time-stamping authority")),
    "evidence": Label(N_("Evidence seal")),
    "log": Label(N_("Transparency log")),
}
SIGNER_ROLES: Labels = {
    "root": Label(N_("Signs CAs (root)")),
    "issuing": Label(N_("Signs certificates and lists")),
    **ROLES,
}
CEREMONY_STATES: Labels = {
    CeremonyState.PROPOSED: Label(N_("waits for the second officer"), Tone.BUSY),
    CeremonyState.RUNNING: Label(N_("under way"), Tone.BUSY),
    CeremonyState.PERFORMED: Label(N_("performed by two officers"), Tone.GOOD),
    CeremonyState.REJECTED: Label(N_("turned down or broken off"), Tone.QUIET),
}
CEREMONY_KINDS: Labels = {kind: Label(PURPOSES[kind]) for kind in CeremonyKind}
OFFLINE_STATES: Labels = {
    OfflineState.WAITING: Label(N_("waits for its answer"), Tone.BUSY),
    OfflineState.ANSWERED: Label(N_("answered"), Tone.GOOD),
    OfflineState.VOID: Label(N_("void"), Tone.QUIET),
}
OFFLINE_PURPOSES: Labels = {purpose: Label(text) for purpose, text in PURPOSES.items()}
OWN_KINDS: Labels = {
    OwnKind.OWN: Label(N_("own certificate")),
    OwnKind.NEW_WITH_OLD: Label(N_("link: new key, signed by the old one")),
    OwnKind.OLD_WITH_NEW: Label(N_("link: old key, signed by the new one")),
    OwnKind.CROSS: Label(N_("cross-certificate")),
}
AUTHORITY_KINDS: Labels = {
    AuthorityKind.ROOT: Label(N_("root CA")),
    AuthorityKind.ISSUING: Label(N_("issuing CA")),
    AuthorityKind.SUPERIOR: Label(N_("superior CA (foreign)")),
}
AUTHORITY_STATES: Labels = {
    AuthorityState.ACTIVE: Label(N_("issues certificates"), Tone.GOOD),
    AuthorityState.RETIRING: Label(N_("tells status only"), Tone.WARN),
    AuthorityState.RETIRED: Label(N_("signs nothing more"), Tone.QUIET),
}
PROPOSAL_STATES: Labels = {
    ProposalState.PROPOSED: Label(N_("waits for the second officer"), Tone.BUSY),
    ProposalState.PERFORMED: Label(N_("performed by two officers"), Tone.GOOD),
    ProposalState.REJECTED: Label(N_("turned down"), Tone.QUIET),
}
REVOCATION_STATES: Labels = {
    **PROPOSAL_STATES,
    ProposalState.PERFORMED: Label(N_("performed by two officers"), Tone.BAD),
}


def step_title(step: Step) -> str:
    """The step's title in the reader's language."""
    return step.title["en" if current_language() == "en" else "zh"]


def reason_name(reason: Reason | None) -> str:
    """The reason as REASON_LABELS names it; "" for none."""
    return "" if reason is None else reason.name.lower()


REVOCATION_REASONS = texts(REASON_LABELS, tuple(reason.name.lower() for reason in REASONS))


def profile_titles(app: Any, _principal: Principal) -> Mapping[str, str]:
    """All profiles: id -> name."""
    return {profile.id: title(profile) for profile in app.ca.profiles.all()}


def applicants_profiles(app: Any, _principal: Principal) -> Mapping[str, str]:
    """The profiles that one may ask for: id -> name."""
    return {one.id: title(one) for one in app.ca.profiles.all() if one.usage is Usage.SUBJECT}


def assignable(app: Any, _principal: Principal) -> Mapping[str, str]:
    """What a CA can be given to issue: profiles for applicants and services, and ``*``."""
    named = {one.id: title(one) for one in app.ca.profiles.all() if one.usage is not Usage.AUTHORITY}
    return {**named, "*": translate(N_("whatever no other CA issues"))}


def authority_names(app: Any, _principal: Principal) -> Mapping[str, str]:
    """Root and issuing CAs: id -> name."""
    return {one.id: one.name for one in app.ca.authorities()}


def local_time(app: Any, moment: datetime) -> str:
    """The moment within a sentence, in the time of the installation."""
    return written(moment, ZoneInfo(app.settings.timezone))


def key_algorithms(_app: Any, _principal: Principal) -> Mapping[str, str]:
    """Kinds of keys: as settings and profiles call them -> as people do."""
    return {name: one.title for name, one in ALGORITHMS.items()}


def common_name_of(subject: str) -> str:
    """What a subject (RFC 4514) is called; its whole name where it has no common name."""
    found = name_of(subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else subject


def evidence_field() -> Any:
    """How whoever asks made sure of the applicant."""
    return Field(
        min_length=1,
        max_length=2000,
        title=N_("How the applicant's identity was checked"),
        json_schema_extra={"widget": "area"},
    )


def csr_field() -> Any:
    """The applicant's own request (PKCS#10, RFC 2986), if there is one."""
    return Field(
        None,
        title=N_("Signing request (PKCS#10)"),
        description=N_("In PEM or DER. Without it a key is made here and handed over once."),
        json_schema_extra={"widget": "file"},
    )


def signature_field() -> Any:
    """An officer's signature over what is approved (detached CMS, RFC 5652)."""
    return Field(
        None,
        max_length=LARGEST,
        title=N_("Signature of your officer's certificate (.p7s)"),
        description=N_(
            "Needed where you have such a certificate: take what you approve from this page, sign it (CMS, detached, DER), "
            "give the signature here."
        ),
        json_schema_extra={"widget": "file"},
    )


PROFILE = Filter("profile", N_("Certificate profile"), choices=profile_titles)


# RFC 5280 names of what a key is for
KEY_USAGES: Labels = {
    "digital_signature": Label(N_("digital signature")),
    "content_commitment": Label(N_("non-repudiation")),
    "key_encipherment": Label(N_("key encipherment")),
    "data_encipherment": Label(N_("data encipherment")),
    "key_agreement": Label(N_("key agreement")),
    "key_cert_sign": Label(N_("signing certificates")),
    "crl_sign": Label(N_("signing CRLs")),
    "server_auth": Label(N_("TLS server")),
    "client_auth": Label(N_("TLS client")),
    "code_signing": Label(N_("code signing")),
    "email_protection": Label(N_("e-mail protection")),
    "document_signing": Label(N_("document signing")),
    "time_stamping": Label(N_("time-stamping")),
    "ocsp_signing": Label(N_("OCSP signing")),
}
KEY_SOURCES: Labels = {
    "csr": Label(N_("the applicant's own")),
    "generated": Label(N_("made here")),
}
TOLD: Labels = {  # what an OCSP client is told
    "good": Label(N_("OCSP says good"), Tone.GOOD),
    "revoked": Label(N_("OCSP says revoked"), Tone.BAD),
    "unknown": Label(N_("OCSP says unknown"), Tone.WARN),
    "elsewhere": Label(N_("told by the CRL alone")),
    "": Label(N_("OCSP gives no answer"), Tone.WARN),
}
PROOF_STATES: Labels = {
    ProofState.WAITING: Label(N_("not seen everywhere yet"), Tone.BUSY),
    ProofState.VISIBLE: Label(N_("seen everywhere"), Tone.GOOD),
    ProofState.LATE: Label(N_("seen later than promised"), Tone.BAD),
}
LISTED: Labels = {  # what the CRL tells
    "True": Label(N_("on the newest CRL"), Tone.BAD),
    "False": Label(N_("not on the newest CRL"), Tone.GOOD),
    "None": Label(N_("no CRL yet"), Tone.WARN),
}
