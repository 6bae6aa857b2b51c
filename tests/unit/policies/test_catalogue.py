"""The catalogue is whole, its numbers are the standard's, and every item can be judged by what the suite collects."""

import re
from collections import Counter

import pytest

from kernel.errors import NotFound
from kernel.evidence.model import EvidenceKind
from policies.assessment.conclusion import Template
from policies.assessment.rules import TESTS
from policies.catalogue.model import Automation, Catalogue, ObjectKind
from policies.registry import PolicyData

# points and items a class, level 3, general part (GB/T 22239-2019 clause 8.1)
COUNTS = {
    "PES": (10, 22),
    "CNS": (3, 8),
    "ABS": (6, 20),
    "CES": (11, 34),
    "SMC": (4, 12),
    "PSS": (4, 7),
    "ORS": (5, 14),
    "HRS": (4, 12),
    "CMS": (10, 34),
    "MMS": (14, 48),
}


def test_classes_points_and_items_are_as_many_as_in_the_standard(catalogue: Catalogue) -> None:
    counts = {group.code: (len(group.points), len(list(group.items))) for group in catalogue.classes}
    assert counts == COUNTS
    assert sum(points for points, _ in counts.values()) == 71
    assert sum(items for _, items in counts.values()) == 211


def test_ids_are_unique_and_in_order(catalogue: Catalogue) -> None:
    ids = [item.id for item in catalogue.items]
    units = [item.unit for item in catalogue.items]
    assert len(set(ids)) == len(ids) == len(set(units))
    assert all(re.fullmatch(r"L3-8\.1\.(10|[1-9])\.\d{1,2}-[a-p]", item_id) for item_id in ids)
    for group in catalogue.classes:
        clauses = [point.clause for point in group.points]
        assert clauses == [f"{group.clause}.{number}" for number in range(1, len(clauses) + 1)]


def test_unit_numbers_run_through_but_for_the_one_the_standard_skips(catalogue: Catalogue) -> None:
    for group in catalogue.classes:
        numbers = [int(item.unit.rsplit("-", 1)[1]) for item in group.items]
        expected = list(range(1, len(numbers) + 1))
        if group.code == "CES":
            expected = [number for number in range(1, len(numbers) + 2) if number != 16]
        assert numbers == expected


@pytest.mark.parametrize(
    ("clause", "unit"),
    [
        ("L3-8.1.4.1-a", "L3-CES1-01"),
        ("L3-8.1.4.4-a", "L3-CES1-17"),
        ("L3-8.1.4.9-b", "L3-CES1-30"),
        ("L3-8.1.10.14-d", "L3-MMS1-48"),
    ],
)
def test_an_item_is_found_by_clause_or_unit(catalogue: Catalogue, clause: str, unit: str) -> None:
    assert catalogue.item(clause) is catalogue.item(unit)
    with pytest.raises(NotFound):
        catalogue.item("L3-8.1.99.1-a")


def test_what_evidence_speaks_to_says_how_it_is_judged(catalogue: Catalogue) -> None:
    told = [item for item in catalogue.items if item.decisions]
    assert len(told) >= 45
    for item in told:
        assert item.steps
        assert item.text.zh != item.text.en
        assert {decision.test for decision in item.decisions} <= TESTS.keys()
    manual = [item for item in catalogue.items if item.automation is Automation.MANUAL]
    assert len(told) + len(manual) == 211
    assert not any(item.decisions for item in manual)
    assert {group.code for group in catalogue.classes if any(i.decisions for i in group.items)} == {
        "CNS",
        "ABS",
        "CES",
        "SMC",
        "MMS",
    }


def test_findings_are_judged_on_devices_alone(catalogue: Catalogue) -> None:
    for item in catalogue.items:
        if any(decision.test == "findings" for decision in item.decisions):
            assert item.object is ObjectKind.DEVICE, item.id


def test_every_control_that_a_baseline_rule_names_reads_its_findings(
    catalogue: Catalogue, data: PolicyData
) -> None:
    named = Counter(control for document in data.part("baselines") for control in document.value["controls"])
    assert named
    for control in named:
        decisions = catalogue.item(control).decisions
        assert any(d.kind is EvidenceKind.CONFIG_CHECKED and d.test == "findings" for d in decisions), control


def test_major_risks_name_items_of_the_catalogue(catalogue: Catalogue, template: Template) -> None:
    assert {catalogue.item(item).id for risk in template.risks for item in risk.items}
    assert (template.conform_above, template.basic_from) == (90, 60)


def test_no_text_is_written_twice(catalogue: Catalogue) -> None:
    """Each item says something of its own: a copied text would show a slip."""
    counts = Counter((item.point.split("-")[1].rsplit(".", 1)[0], item.text.zh) for item in catalogue.items)
    assert [text for text, count in counts.items() if count > 1] == []
