"""The results as OSCAL assessment results (NIST OSCAL 1.1.2, JSON), and a check of its references.

Ids are UUID version 5 of our own ids, so that the same assessment always gives the same document. OSCAL knows satisfied and
not-satisfied alone; the outcome itself stands in a property.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from kernel.canonical import iso_utc
from kernel.evidence.model import EvidenceRecord
from kernel.i18n import translate
from policies.assessment.model import OUTCOME_TEXTS, Assessment, Outcome, Result
from policies.catalogue.model import Catalogue, Item
from policies.systems.model import System
from policies.wording import explain, kind_text

VERSION = "1.1.2"
NAMESPACE = UUID("6f1d6f0a-3c0e-5f5b-9f0e-3f6a5c0b7d11")
PROPERTIES = "https://weicheng.gov.example/ns/oscal"  # a name, never fetched


def control_id(item: Item) -> str:
    """An OSCAL token: ids there begin with a letter."""
    return f"mlps-{item.id.lower()}"


def assessment_results(
    assessment: Assessment,
    system: System,
    results: Sequence[Result],
    records: Mapping[str, EvidenceRecord],
    catalogue: Catalogue,
    paths: Mapping[str, str],
) -> dict[str, Any]:
    """The document; ``paths`` tells where in the package each record (by id) is."""
    at = iso_utc(assessment.made_at)
    observations = [_observation(records[name], paths[name]) for name in sorted(records)]
    result: dict[str, Any] = {
        "uuid": _uuid("result", assessment.id),
        "title": f"{system.name} {system.level}",
        "description": f"{catalogue.edition}, report template {assessment.edition}",
        "start": at,
        "local-definitions": {"components": [_component(system)]},
        "reviewed-controls": _reviewed(results, catalogue),
    }
    # OSCAL has no empty lists
    if observations:
        result["observations"] = observations
    if results:
        result["findings"] = [_finding(entry, catalogue, records) for entry in results]
    plan = {"uuid": _uuid("plan", assessment.id), "title": f"{catalogue.edition} {catalogue.version[:12]}"}
    body = {
        "uuid": _uuid("assessment", assessment.id),
        "metadata": {
            "title": f"{system.name} 等级保护评估结果",
            "last-modified": at,
            "version": assessment.policy_version[:12],
            "oscal-version": VERSION,
        },
        "import-ap": {"href": f"#{plan['uuid']}"},
        "results": [result],
        "back-matter": {"resources": [plan]},
    }
    return {"assessment-results": body}


def faults(document: Mapping[str, Any]) -> Iterator[str]:
    """Dangling references and repeated UUIDs, which schema validators of OSCAL pass over."""
    body = document["assessment-results"]
    seen: set[str] = set()
    for where, uuid in _uuids(body, "assessment-results"):
        if uuid in seen:
            yield f"{where}: uuid {uuid} is repeated"
        seen.add(uuid)
    for result in body["results"]:
        observed = {observation["uuid"] for observation in result.get("observations", ())}
        for finding in result.get("findings", ()):
            for related in finding.get("related-observations", ()):
                if related["observation-uuid"] not in observed:
                    yield f"finding {finding['uuid']}: there is no observation {related['observation-uuid']}"
    plan = body["import-ap"]["href"].removeprefix("#")
    if plan not in {resource["uuid"] for resource in body["back-matter"]["resources"]}:
        yield f"import-ap: there is no resource {plan}"


def _uuids(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if "uuid" in value:
            yield where, value["uuid"]
        for key, inner in value.items():
            yield from _uuids(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _uuids(inner, f"{where}[{place}]")


def _uuid(kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE, f"{kind}:{name}"))


def _component(system: System) -> dict[str, Any]:
    return {
        "uuid": _uuid("system", system.id),
        "type": "this-system",
        "title": system.name,
        "description": f"{system.level}",
        "status": {"state": "operational"},
    }


def _reviewed(results: Sequence[Result], catalogue: Catalogue) -> dict[str, Any]:
    ids = dict.fromkeys(control_id(catalogue.item(result.item)) for result in results)
    return {"control-selections": [{"include-controls": [{"control-id": name} for name in ids]}]}


def _observation(record: EvidenceRecord, path: str) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "uuid": _uuid("evidence", record.id),
        "title": record.kind.value,
        "description": f"{kind_text(record.kind, 'zh_CN')}: {record.subject} ({record.source})",
        "methods": [
            "TEST" if record.kind.value.endswith(("checked", "verified", "completed")) else "EXAMINE"
        ],
        "types": ["control-objective"],
        "relevant-evidence": [{"href": path, "description": f"evidence record {record.seq} ({record.id})"}],
        "collected": iso_utc(record.collected_at),
    }
    if record.effective_until:
        observation["expires"] = iso_utc(record.effective_until)
    return observation


def _finding(result: Result, catalogue: Catalogue, records: Mapping[str, EvidenceRecord]) -> dict[str, Any]:
    item = catalogue.item(result.item)
    satisfied = result.outcome in (Outcome.CONFORMS, Outcome.NOT_APPLICABLE)
    status = {
        "state": "satisfied" if satisfied else "not-satisfied",
        "reason": "pass" if satisfied else "other" if result.outcome is Outcome.UNPROVEN else "fail",
    }
    finding: dict[str, Any] = {
        "uuid": _uuid("finding", result.id),
        "title": f"{item.unit} {item.text.zh}",
        "description": _description(result),
        "props": [
            {"name": "outcome", "ns": PROPERTIES, "value": str(result.outcome)},
            {"name": "state", "ns": PROPERTIES, "value": str(result.state)},
            {"name": "object", "ns": PROPERTIES, "value": result.object_name},
        ],
        "target": {"type": "objective-id", "target-id": control_id(item), "status": status},
    }
    related = [{"observation-uuid": _uuid("evidence", name)} for name in result.evidence if name in records]
    return finding | ({"related-observations": related} if related else {})


def _description(result: Result) -> str:
    said = "; ".join(explain(reason, "zh_CN") for reason in result.reasons)
    return f"{result.object_name}: {translate(OUTCOME_TEXTS[result.outcome], 'zh_CN')}. {said}".strip()
