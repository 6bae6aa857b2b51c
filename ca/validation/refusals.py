"""From what the library says to a reason with its place. It tells most faults by English texts alone; a test walks through
every one of them with NIST's paths, so that another wording in a later release is seen."""

import re
from collections.abc import Sequence
from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    NotYetValidError,
    ValidationError,
)

from ca.validation.model import Refusal, Why
from kernel.canonical import iso_utc

# text of the library -> (reason, extension of RFC 5280 section 4.2.1)
_TEXTS: tuple[tuple[str, Why, str], ...] = (
    (r"could not be verified|do not match the constraints on the public key", Why.BAD_SIGNATURE, ""),
    (r"issuer name could not be matched", Why.NAME_CHAINING, ""),
    (r"not all names of", Why.NAME_NOT_PERMITTED, "nameConstraints"),
    (r"some names of", Why.NAME_EXCLUDED, "nameConstraints"),
    (r"no valid set of policies|policy graph", Why.POLICY, "certificatePolicies"),
    (r"polic\w+ mapping", Why.POLICY_MAPPING, "policyMappings"),
    (r"is not a CA", Why.NOT_A_CA, "basicConstraints"),
    (r"maximum path length", Why.PATH_LENGTH, "basicConstraints"),
    (r"not allowed to sign certificates", Why.KEY_USAGE, "keyUsage"),
    (r"unsupported critical extension", Why.CRITICAL_EXTENSION, ""),
)


def refusal_of(error: ValidationError, place: int, path: Sequence[x509.Certificate]) -> Refusal:
    """The reason for which a path, anchor first, was refused at the certificate ``place``."""
    if isinstance(error, ExpiredError):
        return Refusal(Why.EXPIRED, place, params={"at": iso_utc(error.expired_dt)})
    if isinstance(error, NotYetValidError):
        return Refusal(Why.NOT_YET_VALID, place, params={"at": iso_utc(error.valid_from)})
    if isinstance(error, DisallowedAlgorithmError):
        return Refusal(Why.WEAK, place, params={"algorithm": _algorithm(path, place)})
    text = str(error)
    for pattern, why, extension in _TEXTS:
        if re.search(pattern, text):
            return Refusal(why, place, extension, _params(why, text))
    return Refusal(Why.OTHER, place, params={"detail": text[:300]})


def _params(why: Why, text: str) -> dict[str, Any]:
    if why is Why.CRITICAL_EXTENSION:
        return {"names": text.rpartition(": ")[2][:200]}
    return {}


def _algorithm(path: Sequence[x509.Certificate], place: int) -> str:
    """The signature's algorithm and the size of the key that made it."""
    name = path[place]["signature_algorithm"]["algorithm"].native
    key = path[place - 1].public_key
    return f"{name}, {key.algorithm} {key.bit_size}"
