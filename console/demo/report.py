"""The demo's report: one HTML file with its pictures inside, no script, no request to anywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.demo.labels import LABELS
from console.demo.model import StepResult
from kernel.i18n import N_, translate
from kernel.secrets import write_private

TITLES = {
    "ca": N_("Certificates"),
    "netops": N_("Configurations"),
    "monitor": N_("Monitoring"),
    "siem": N_("Logs and alerts"),
    "backup": N_("Backups"),
    "policies": N_("Evidence"),
}


def write_report(folder: Path, results: Sequence[StepResult], *, seconds: float) -> Path:
    """Write report.html in Chinese with English beside the headings; returns its path."""
    templates = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["both"] = _both
    environment.globals["label"] = _label
    page = environment.get_template("report.html.j2").render(
        results=results,
        titles=TITLES,
        pictures={title: Markup(svg) for result in results for title, svg in result.pictures.items()},  # noqa: S704 - ours
        passed=all(result.passed for result in results),
        seconds=round(seconds, 1),
        made=datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S %z"),
    )
    path = folder / "report.html"
    write_private(path, page.encode())
    return path


def _both(message: str) -> str:
    """The message in Chinese, then in English."""
    return f"{translate(message, 'zh_CN')} / {translate(message, 'en')}"


def _label(key: str) -> str:
    """A figure's key in words; names of devices, data sets and sets stand as they are."""
    return _both(LABELS[key]) if key in LABELS else key
