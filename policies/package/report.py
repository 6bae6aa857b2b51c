"""The Chinese report as one HTML file: print style, pictures inside, no script, no request to anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kernel.i18n import translate
from policies.assessment.conclusion import Conclusion, Template
from policies.assessment.model import OUTCOME_TEXTS, Assessment, Outcome, Remediation, Result
from policies.catalogue.model import Catalogue
from policies.package.picture import control_status
from policies.package.tables import STATE_TEXTS, reasons
from policies.systems.model import System, SystemState

TEMPLATES = Path(__file__).parent.parent / "templates"
_LANGUAGE = "zh_CN"


@dataclass(frozen=True)
class ReportInput:
    """All that the report tells. ``records`` are rows for its list of evidence, ``zone`` the time zone of its dates."""

    system: System
    assessment: Assessment
    results: Sequence[Result]
    conclusion: Conclusion
    template: Template
    catalogue: Catalogue
    remediations: Sequence[Remediation]
    records: Sequence[Mapping[str, Any]]
    filters: Mapping[str, Any]
    organisation: str
    zone: str


def render(given: ReportInput) -> bytes:
    """The report; the same input gives the same bytes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["local"] = lambda moment: moment.astimezone(ZoneInfo(given.zone)).strftime(
        "%Y-%m-%d %H:%M"
    )
    page = environment.get_template("report.html").render(
        given=given,
        groups=_groups(given),
        outcomes=_outcomes(given.conclusion),
        verdict=_verdict(given),
        picture=Markup(control_status(given.results, given.catalogue)),  # noqa: S704 - made and escaped by us
        state=STATES[given.system.state],
        outcome_text={outcome: translate(text, _LANGUAGE) for outcome, text in OUTCOME_TEXTS.items()},
        state_text={state: translate(text, _LANGUAGE) for state, text in STATE_TEXTS.items()},
        reasons=reasons,
        items={item.id: item for item in given.catalogue.items},
        failing=[r for r in given.results if r.outcome in (Outcome.FAILS, Outcome.PARTLY)],
    )
    return page.encode()


STATES: Mapping[SystemState, str] = {
    SystemState.PROPOSED: "拟定级",
    SystemState.REVIEWED: "已通过专家评审",
    SystemState.APPROVED: "主管部门已核准",
    SystemState.FILED: "已备案",
    SystemState.RETIRED: "已撤销",
}


def _groups(given: ReportInput) -> list[tuple[Any, list[Result]]]:
    groups = []
    for group in given.catalogue.classes:
        items = {item.id for item in group.items}
        listed = [result for result in given.results if result.item in items]
        if listed:
            groups.append((group, listed))
    return groups


def _outcomes(conclusion: Conclusion) -> list[tuple[str, str, int]]:
    return [
        (str(outcome), translate(OUTCOME_TEXTS[outcome], _LANGUAGE), count)
        for outcome, count in conclusion.counts.items()
    ]


def _verdict(given: ReportInput) -> str:
    """The conclusion's word; while results wait that could change it, there is none."""
    word = given.template.words.get(given.conclusion.verdict)
    return word.zh if word else "尚不能下结论"
