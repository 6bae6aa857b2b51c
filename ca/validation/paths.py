"""Path building and validation (RFC 5280 section 6) by pyhanko-certvalidator, bounded, with an account of every check.

The library walks a path from the anchor and stops at the first fault; its steps are in a fixed order for each certificate,
so what comes before the fault has passed. Revocation is asked afterwards, certificate by certificate: of our own
certificates the register knows, of foreign ones the CRLs that were given. Nothing is ever fetched.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from asn1crypto import crl, x509
from pyhanko_certvalidator._state import ValProcState
from pyhanko_certvalidator.authority import CertTrustAnchor, derive_quals_from_cert
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    AlgorithmUsagePolicy,
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    PKIXValidationParams,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import CertificateRegistry, SimpleTrustManager, TrustManager
from pyhanko_certvalidator.util import ConsList
from pyhanko_certvalidator.validate import intl_validate_path

from ca.validation import reading, usage
from ca.validation.model import (
    Check,
    Material,
    Outcome,
    PathReport,
    Question,
    Refusal,
    Shown,
    Step,
    Verdict,
    Why,
)
from ca.validation.refusals import refusal_of
from ca.validation.revocation import Standing, anchor_of, relevant, status_of
from kernel.errors import Invalid

logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)  # what it has to say is in the report
MOST_PATHS = 50
MOST_LOOKUPS = 5000
STRICT = DisallowWeakAlgorithmsPolicy(dsa_key_size_threshold=2048)  # type: ignore[no-untyped-call]
_LIBRARY_STEPS = tuple(step for step in Step if step not in (Step.PURPOSE, Step.HOST, Step.REVOCATION))


class _TooMany(Exception):
    """The certificates make more paths than are looked at."""


class _Registry(CertificateRegistry):
    """Stops a walk through cross-certificates that would not end in any useful time."""

    lookups = 0

    def find_potential_issuers(self, cert: x509.Certificate, trust_manager: TrustManager) -> Iterator[Any]:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _TooMany
        return super().find_potential_issuers(cert, trust_manager)


@dataclass(frozen=True)
class _Tried:
    """A path that was looked at: how far it went (certificate, step) and what came of it."""

    path: ValidationPath
    refusal: Refusal | None
    policies: tuple[str, ...] = ()
    standings: tuple[Standing, ...] = ()

    @property
    def rank(self) -> tuple[int, int, int]:
        """The one that got furthest is told of."""
        if self.refusal is None:
            return (2, 0, 0)
        unknown = self.refusal.why is Why.NO_STATUS
        return (1 if unknown else 0, len(self.standings), self.refusal.certificate)


def validate(
    leaf: bytes, material: Material, question: Question, algorithms: AlgorithmUsagePolicy = STRICT
) -> PathReport:
    """Whether ``leaf`` (DER) chains to an anchor for what is asked. Bounded whatever the certificates are."""
    certificate = reading.certificate(leaf)
    registry = _registry(material)
    anchors = [_anchor(reading.certificate(one)) for one in material.anchors]
    trust = SimpleTrustManager.build(trust_roots=anchors)
    makes = _Contexts(registry, trust, material, question, algorithms)
    try:
        tried = asyncio.run(_all(certificate, material, question, makes))
    except PathBuildingError:
        self_signed = certificate.self_signed in ("yes", "maybe")
        why = Why.SELF_SIGNED if self_signed else Why.NO_PATH
        return _pathless(certificate, Refusal(why, params={"issuer": reading.name_text(certificate.issuer)}))
    except (_TooMany, RecursionError):
        return _pathless(certificate, Refusal(Why.TOO_MANY, params={"most": MOST_LOOKUPS}))
    except reading.BROKEN as error:
        return _pathless(certificate, Refusal(Why.UNREADABLE, params={"detail": str(error)[:200]}))
    best = max(tried, key=lambda one: one.rank)
    return _report(best, question, len(tried))


@dataclass(frozen=True)
class _Contexts:
    """The library's contexts: one for the path alone, one for what CRLs say of it."""

    registry: _Registry
    trust: SimpleTrustManager
    material: Material
    question: Question
    algorithms: AlgorithmUsagePolicy

    def of(
        self, revocation: RevocationCheckingPolicy, crls: Sequence[crl.CertificateList] = ()
    ) -> ValidationContext:
        return ValidationContext(
            trust_manager=self.trust,
            certificate_registry=self.registry,
            moment=self.question.at,
            crls=list(crls),
            revinfo_policy=CertRevTrustPolicy(revocation, retroactive_revinfo=self.question.later_lists),
            algorithm_usage_policy=self.algorithms,
            time_tolerance=timedelta(0),
        )

    @property
    def params(self) -> PKIXValidationParams:
        asked = self.question
        return PKIXValidationParams(
            user_initial_policy_set=asked.policies or frozenset(["any_policy"]),
            initial_explicit_policy=asked.require_policy,
            initial_policy_mapping_inhibit=asked.inhibit_mapping,
            initial_any_policy_inhibit=asked.inhibit_any,
        )


def _registry(material: Material) -> _Registry:
    """Certificates of the same issuer and number stand once, the first of them: ours are given before a stranger's."""
    registry = _Registry()
    for one in (*material.anchors, *material.intermediates):
        try:
            registry.register(reading.certificate(one))
        except Invalid:  # something a document brought with it: no path leads through it
            continue
    return registry


def _anchor(certificate: x509.Certificate) -> CertTrustAnchor:
    """An anchor within what its own certificate says: time, length of path, name constraints (RFC 5937). Policies of the
    anchor require none; a length of path is of attribute authorities too, whose own the library would leave undefined."""
    found = derive_quals_from_cert(certificate)
    rules = found.standard_parameters
    if rules is not None:
        any_policy = frozenset(["any_policy"])
        rules = replace(rules, user_initial_policy_set=any_policy, initial_explicit_policy=False)
    bounds = replace(found, standard_parameters=rules, max_aa_path_length=found.max_path_length)
    return CertTrustAnchor(certificate, bounds)


async def _all(
    certificate: x509.Certificate, material: Material, question: Question, makes: _Contexts
) -> list[_Tried]:
    tried: list[_Tried] = []
    context = makes.of(NO_REVOCATION)
    async for path in _paths(context, certificate):
        found = await _one(path, context, makes)
        if found.refusal is None and question.revocation:
            found = await _with_status(found, material, question, makes)
        tried.append(found)
        if found.refusal is None or len(tried) >= MOST_PATHS:
            break
    return tried


async def _paths(context: ValidationContext, certificate: x509.Certificate) -> AsyncIterator[ValidationPath]:
    walk = context.path_builder.async_build_paths_lazy(certificate)
    try:
        async for path in walk:
            yield path
    finally:
        await walk.cancel()  # type: ignore[no-untyped-call]


async def _one(path: ValidationPath, context: ValidationContext, makes: _Contexts) -> _Tried:
    state = ValProcState(cert_path_stack=ConsList.sing(path))
    try:
        await intl_validate_path(context, path, parameters=makes.params, proc_state=state)
    except ValidationError as error:
        return _Tried(path, refusal_of(error, state.index, list(_certificates(path))))
    except reading.BROKEN as error:
        return _Tried(path, Refusal(Why.UNREADABLE, state.index, params={"detail": str(error)[:200]}))
    refusal = usage.refusal_of(list(_certificates(path)), makes.question)
    found = path.qualified_policies() or frozenset()
    policies = tuple(sorted(str(policy.user_domain_policy_id) for policy in found))
    return _Tried(path, refusal, policies)


async def _with_status(found: _Tried, material: Material, question: Question, makes: _Contexts) -> _Tried:
    """The path with what is known of the revocation of each of its certificates; the first doubt refuses it."""
    crls = relevant(found.path, makes.registry, material.crls)
    context = makes.of(REQUIRE_REVINFO, crls)
    standings = [one async for one in status_of(found.path, context, material, question)]
    refused = [(place, one) for place, one in enumerate(standings, 1) if one.refusal is not None]
    # what is revoked weighs more than what is not known
    refused.sort(key=lambda one: one[1].outcome is Outcome.UNKNOWN)
    refusal = refused[0][1].refusal if refused else None
    return replace(found, standings=tuple(standings), refusal=refusal)


def _certificates(path: ValidationPath) -> Iterator[x509.Certificate]:
    """From the anchor to the leaf."""
    yield anchor_of(path)
    for index in range(1, path.pkix_len + 1):
        yield path[index]


# --- the report
def _report(best: _Tried, question: Question, tried: int) -> PathReport:
    listed = list(_certificates(best.path))
    shown = tuple(
        _shown(one, _checks(place, len(listed) - 1, best, question)) for place, one in enumerate(listed)
    )
    return PathReport(_verdict(best.refusal), shown, best.refusal, tried, best.policies)


def _verdict(refusal: Refusal | None) -> Verdict:
    if refusal is None:
        return Verdict.VALID
    return Verdict.UNKNOWN if refusal.why is Why.NO_STATUS else Verdict.INVALID


def _pathless(certificate: x509.Certificate, refusal: Refusal) -> PathReport:
    return PathReport(Verdict.INVALID, (_shown(certificate, ()),), refusal, 0)


def _checks(place: int, last: int, best: _Tried, question: Question) -> tuple[Check, ...]:
    """What was checked of the certificate at that place. The anchor itself is trusted: only its time is looked at."""
    if place == 0:
        return tuple(_library(place, last, best, (Step.VALIDITY,)))
    steps = tuple(step for step in _LIBRARY_STEPS if place < last or step not in _OF_CAS)
    checks = [*_library(place, last, best, steps), *_ours(place, last, best, question)]
    return (*checks, _revocation(place, best, question))


_OF_CAS = (Step.BASIC_CONSTRAINTS, Step.PATH_LENGTH, Step.KEY_USAGE)
_STEP_OF = {
    Why.BAD_SIGNATURE: Step.SIGNATURE,
    Why.WEAK: Step.SIGNATURE,
    Why.EXPIRED: Step.VALIDITY,
    Why.NOT_YET_VALID: Step.VALIDITY,
    Why.NAME_CHAINING: Step.NAMES,
    Why.NAME_NOT_PERMITTED: Step.NAME_CONSTRAINTS,
    Why.NAME_EXCLUDED: Step.NAME_CONSTRAINTS,
    Why.POLICY: Step.POLICIES,
    Why.POLICY_MAPPING: Step.POLICIES,
    Why.NOT_A_CA: Step.BASIC_CONSTRAINTS,
    Why.PATH_LENGTH: Step.PATH_LENGTH,
    Why.KEY_USAGE: Step.KEY_USAGE,
    Why.CRITICAL_EXTENSION: Step.CRITICAL,
    Why.OTHER: Step.SIGNATURE,
    Why.UNREADABLE: Step.SIGNATURE,
}


def _library(place: int, last: int, best: _Tried, steps: Sequence[Step]) -> Iterator[Check]:
    failed = best.refusal
    step = _STEP_OF.get(failed.why) if failed else None
    if failed is None or step is None:  # the path itself holds
        yield from (Check(one, Outcome.PASSED) for one in steps)
        return
    for one in steps:
        at = (place, list(Step).index(one))
        fault = (failed.certificate, list(Step).index(step))
        outcome = Outcome.PASSED if at < fault else Outcome.FAILED if at == fault else Outcome.UNREACHED
        yield Check(one, outcome)


def _ours(place: int, last: int, best: _Tried, question: Question) -> Iterator[Check]:
    why = best.refusal.why if best.refusal else None
    unreached = why in _STEP_OF
    here = best.refusal is not None and best.refusal.certificate == place
    wanted = [(Step.PURPOSE, Why.PURPOSE, question.purpose.value != "any")]
    if place == last:
        wanted.append((Step.HOST, Why.HOST, bool(question.host)))
    for step, fault, asked in wanted:
        if not asked:
            yield Check(step, Outcome.SKIPPED)
        elif unreached or (step is Step.HOST and why is Why.PURPOSE):
            yield Check(step, Outcome.UNREACHED)
        else:
            yield Check(step, Outcome.FAILED if why is fault and here else Outcome.PASSED)


def _revocation(place: int, best: _Tried, question: Question) -> Check:
    if not question.revocation:
        return Check(Step.REVOCATION, Outcome.SKIPPED)
    if not best.standings:
        return Check(Step.REVOCATION, Outcome.UNREACHED)
    standing = best.standings[place - 1]
    return Check(Step.REVOCATION, standing.outcome, standing.params)


def _shown(one: x509.Certificate, checks: tuple[Check, ...]) -> Shown:
    return replace(reading.about(one.dump()), checks=checks)
