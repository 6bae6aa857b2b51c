"""NIST's path validation suite (PKITS): every path of sections 4.1 to 4.16 comes to what NIST says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from asn1crypto import x509
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms

from ca.validation import paths
from ca.validation.model import Material, PathReport, Question, Verdict

DATA = files("cryptography_vectors") / "x509" / "PKITS_data"
CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "data" / "pkits.yaml").read_text())
IN_ITS_TIME = datetime(2024, 1, 1, tzinfo=UTC)  # the suite's certificates end in 2030
TESTS_OF_SECTIONS = (6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2)


@cache
def _cas() -> Mapping[str, tuple[bytes, ...]]:
    """CA certificates by subject."""
    found: dict[str, tuple[bytes, ...]] = {}
    for file in (DATA / "certs").iterdir():
        if not file.name.endswith("EE.crt"):
            der = file.read_bytes()
            name = x509.Certificate.load(der).subject.hashable
            found[name] = (*found.get(name, ()), der)
    return found


@cache
def _crls() -> tuple[bytes, ...]:
    return tuple(file.read_bytes() for file in (DATA / "crls").iterdir())


def _above(leaf: bytes) -> list[bytes]:
    """All certificates that may stand above one, and those that sign its CRLs: what a directory would hand out."""
    seen: dict[bytes, None] = {}
    waiting = [leaf]
    while waiting:
        one = x509.Certificate.load(waiting.pop())
        points = one.crl_distribution_points_value or ()
        named = [name.chosen for point in points for name in point["crl_issuer"] or ()]
        for name in (one.issuer, *named):
            new = [der for der in _cas().get(name.hashable, ()) if der not in seen]
            seen |= dict.fromkeys(new)
            waiting += new
    return list(seen)


def _answer(case: Mapping[str, Any], **lax: Any) -> PathReport:
    leaf = (DATA / "certs" / f"{case['certificate']}.crt").read_bytes()
    anchor = (DATA / "certs" / "TrustAnchorRootCertificate.crt").read_bytes()
    flags = {name: bool(case.get(name)) for name in ("require_policy", "inhibit_mapping", "inhibit_any")}
    asked = Question(IN_ITS_TIME, past=True, policies=frozenset(case.get("policies", ())), **flags)
    return paths.validate(leaf, Material([anchor], _above(leaf), _crls()), asked, **lax)


def test_the_table_has_every_test_of_every_section() -> None:
    numbers = {tuple(int(part) for part in case["test"].split(".")[1:3]) for case in CASES}
    wanted = {
        (section, test) for section, most in enumerate(TESTS_OF_SECTIONS, 1) for test in range(1, most + 1)
    }
    assert numbers == wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['test']}-{case['certificate']}")
def test_a_path_comes_to_what_nist_says(case: Mapping[str, Any]) -> None:
    report = _answer(case)
    agrees = (report.verdict is Verdict.VALID) == (case["expected"] == "valid")
    assert agrees != ("deviation" in case), report.refusal
    if case["expected"] == "invalid":
        assert report.refusal is not None
        assert (str(report.refusal.why), report.refusal.certificate) == (case["reason"], case["at"])


@pytest.mark.parametrize(
    "case", [case for case in CASES if "deviation" in case], ids=lambda case: case["test"]
)
def test_where_we_deviate_it_is_for_the_algorithm_alone(case: Mapping[str, Any]) -> None:
    assert str(_answer(case).refusal.why) == "weak"  # type: ignore[union-attr]
    assert str(_answer(case, algorithms=AcceptAllAlgorithms()).verdict) == case["accepting_weak"]
