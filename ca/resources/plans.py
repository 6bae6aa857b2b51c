"""What a ceremony would do, in words: told to the second officer before it is approved."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from ca.hierarchy.model import Ceremony
from ca.hierarchy.plan import planned_of
from ca.resources.labels import AUTHORITY_STATES
from kernel.i18n import N_, translate
from kernel.pki.algorithms import ALGORITHMS


def plan_lines(found: Ceremony) -> list[str]:
    """The digest of the plan, and what stands in it."""
    return [translate(N_("SHA-256 of the plan: %(digest)s"), digest=found.digest), *_told(found)]


def _told(found: Ceremony) -> Iterator[str]:
    plan = found.plan
    if "root" in plan:
        yield translate(N_("Root: %(name)s, key %(algorithm)s, %(years)s years"), **_planned(plan["root"]))
    for one in plan.get("issuing", ()):
        text = N_("Issuing CA: %(name)s, key %(algorithm)s, %(years)s years; issues %(profiles)s")
        yield translate(text, **_planned(one))
    for name, label in _LABELS.items():
        if name in plan:
            yield f"{translate(label)}: {_value(name, plan[name])}"
    for one in plan.get("certificates", ()):
        yield _certificate(b64decode(one))
    if found.witnesses:
        yield translate(N_("Witnesses: %(names)s"), names=", ".join(found.witnesses))


_LABELS = {
    "authority": N_("Certification authority"),
    "successor": N_("Its next generation"),
    "subject": N_("Subject name"),
    "algorithm": N_("Key algorithm"),
    "years": N_("Years of validity"),
    "permitted": N_("Names that it may certify"),
    "before": N_("Profiles that it has issued so far"),
    "profiles": N_("Profiles that it issues"),
    "state": N_("What its key signs from then on"),
}


def _value(name: str, value: Any) -> str:
    if name == "state":
        return translate(AUTHORITY_STATES[value].text)
    if name == "algorithm" and value in ALGORITHMS:
        return ALGORITHMS[value].title
    return ", ".join(value) if isinstance(value, list) else str(value)


def _planned(one: dict[str, Any]) -> dict[str, Any]:
    planned = planned_of(one)
    key = ALGORITHMS.get(planned.algorithm)
    shown = {"algorithm": key.title if key else planned.algorithm}
    return {**vars(planned), **shown, "profiles": ", ".join(planned.profiles) or "–"}


def _certificate(der: bytes) -> str:
    from cryptography import x509

    from kernel.canonical import sha256_hex
    from kernel.pki.names import name_text

    own = x509.load_der_x509_certificate(der)
    about = {"subject": name_text(own.subject), "issuer": name_text(own.issuer), "digest": sha256_hex(der)}
    text = N_("Certificate for %(subject)s by %(issuer)s, until %(end)s; SHA-256 %(digest)s")
    return translate(text, **about, end=own.not_valid_after_utc.date().isoformat())
