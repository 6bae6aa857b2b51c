"""What a report says, in the reader's language: reports hold codes and values, these are their texts."""

from collections.abc import Mapping
from typing import Any

from ca.validation.model import Outcome, Purpose, Step, Verdict, Why
from kernel.i18n import N_, translate

VERDICTS: Mapping[str, str] = {
    Verdict.VALID: N_("valid"),
    Verdict.INVALID: N_("not valid"),
    Verdict.UNKNOWN: N_("can not be decided"),
}
OUTCOMES: Mapping[str, str] = {
    Outcome.PASSED: N_("passed"),
    Outcome.FAILED: N_("not passed"),
    Outcome.UNKNOWN: N_("not known"),
    Outcome.UNREACHED: N_("not reached"),
    Outcome.SKIPPED: N_("not asked for"),
}
PURPOSES: Mapping[str, str] = {
    Purpose.ANY: N_("any use"),
    Purpose.TLS_SERVER: N_("TLS server"),
    Purpose.TLS_CLIENT: N_("TLS client"),
    Purpose.DOCUMENT: N_("signed documents"),
    Purpose.EMAIL: N_("e-mail"),
    Purpose.CODE: N_("signed software"),
    Purpose.TIMESTAMP: N_("time-stamps"),
    Purpose.CA: N_("issuing certificates"),
}
STEPS: Mapping[str, str] = {
    Step.SIGNATURE: N_("Signature and algorithm"),
    Step.VALIDITY: N_("Time of validity"),
    Step.NAMES: N_("Issuer's name"),
    Step.NAME_CONSTRAINTS: N_("Name constraints"),
    Step.POLICIES: N_("Certificate policies and their constraints"),
    Step.BASIC_CONSTRAINTS: N_("Is a CA (basicConstraints)"),
    Step.PATH_LENGTH: N_("Length of the path"),
    Step.KEY_USAGE: N_("Key usage of the CA"),
    Step.CRITICAL: N_("Critical extensions"),
    Step.PURPOSE: N_("Purpose"),
    Step.HOST: N_("Name of the host"),
    Step.REVOCATION: N_("Not revoked"),
}
REASONS: Mapping[str, str] = {
    Why.BAD_SIGNATURE: N_("The issuer's signature under it is wrong."),
    Why.WEAK: N_("It is signed with an algorithm or key that is too weak: %(algorithm)s."),
    Why.EXPIRED: N_("It ended at %(at)s."),
    Why.NOT_YET_VALID: N_("It is valid only from %(at)s."),
    Why.NAME_CHAINING: N_("Its issuer's name is not that of the certificate above."),
    Why.NAME_NOT_PERMITTED: N_("One of its names is not among those a CA above may certify."),
    Why.NAME_EXCLUDED: N_("One of its names is among those a CA above may not certify."),
    Why.POLICY: N_("The path stands for none of the policies that are required."),
    Why.POLICY_MAPPING: N_("It maps a policy from or to any-policy, which is forbidden."),
    Why.NOT_A_CA: N_("It has issued the next certificate and is no CA's."),
    Why.PATH_LENGTH: N_("More CAs stand below a CA than it may have."),
    Why.KEY_USAGE: N_("Its key may not sign certificates."),
    Why.CRITICAL_EXTENSION: N_("It has a critical extension that is not known here: %(names)s."),
    Why.PURPOSE: N_("It is not for this purpose."),
    Why.HOST: N_("It is not for %(host)s, but for: %(names)s."),
    Why.REVOKED: N_("It has been revoked or suspended since %(at)s (%(reason)s)."),
    Why.NEVER_ISSUED: N_(
        "It bears the name and key of a CA of ours, but is not in the register of what was issued."
    ),
    Why.NO_STATUS: N_("Nothing tells whether it is revoked: no CRL that fits was given. %(detail)s"),
    Why.NO_PATH: N_("No path leads to a trusted root; the issuer that is missing: %(issuer)s."),
    Why.SELF_SIGNED: N_("It is self-signed and not trusted here: %(issuer)s."),
    Why.TOO_MANY: N_("The certificates make more paths than are looked at (%(most)s)."),
    Why.UNREADABLE: N_("A certificate on the way can not be read: %(detail)s"),
    Why.OTHER: N_("The path was refused: %(detail)s"),
    Why.ALTERED: N_("The content is not the one that was signed."),
    Why.BAD_DOCUMENT_SIGNATURE: N_("The signature was not made with the signer's key, or has been altered."),
    Why.NO_SIGNER: N_("The certificate of the signer is not in it; give it as an intermediate."),
    Why.MALFORMED: N_("The signature is malformed: %(detail)s"),
    Why.UNSUPPORTED: N_("It is signed with an algorithm that can not be checked here: %(algorithm)s."),
    Why.CHANGED_AFTER: N_(
        "The document was changed after it was signed, in a way that the signature does not allow."
    ),
    Why.NOT_COVERED: N_("The signature covers only a part of the document as it was then."),
    Why.BAD_STAMP: N_("The signature of the time-stamp is wrong."),
    Why.OTHER_IMPRINT: N_("The time-stamp is over another content."),
}


def reason_text(refusal: Mapping[str, Any]) -> str:
    """The refusal as a sentence."""
    return translate(REASONS[refusal["reason"]], **refusal["params"]).strip()


def place_text(refusal: Mapping[str, Any], path: list[Mapping[str, Any]]) -> str:
    """Which certificate, and which of its extensions."""
    number = refusal["certificate"]
    if not 0 <= number < len(path):
        return ""
    subject = path[number]["subject"]
    if refusal["extension"]:
        extension = refusal["extension"]
        return translate(
            N_("Certificate %(number)s of the path (%(subject)s), extension %(extension)s"),
            number=number,
            subject=subject,
            extension=extension,
        )
    return translate(N_("Certificate %(number)s of the path (%(subject)s)"), number=number, subject=subject)


def summary(report: Mapping[str, Any]) -> str:
    """Why a report says no, with the place; "" when it says yes."""
    for label, one in _parts(report):
        if one["refusal"] is not None and one["verdict"] == report["verdict"]:
            path = one.get("path") or []
            place = place_text(one["refusal"], path["path"] if isinstance(path, dict) else path)
            return ": ".join(part for part in (label, place, reason_text(one["refusal"])) if part)
    return ""


def _parts(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What may have been refused: the path, or each signature and time-stamp with its name."""
    if report["kind"] == "certificate":
        return [("", report)]
    named = [(translate(N_("Signature %(name)s"), name=one["label"]), one) for one in report["signatures"]]
    return named or [("", one) for one in report["timestamps"]]
