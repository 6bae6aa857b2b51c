"""The minutes of a ceremony: who did what when, with every digest; text, and the same as a page. Pure."""

from collections.abc import Iterator
from datetime import datetime
from html import escape

from ca.hierarchy.model import Carried, Ceremony, Step
from kernel.canonical import canonical_json, sha256_hex
from kernel.i18n import N_, current_language, translate

_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;line-height:1.6}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.4em;vertical-align:top;"
    "text-align:left;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)


def text(ceremony: Ceremony) -> str:
    """The minutes as lines of UTF-8 text; what is signed and time-stamped."""
    lines = [translate(N_("Minutes of a key ceremony")), ""]
    lines += [f"{name}: {value}" for name, value in _head(ceremony)]
    for step in ceremony.steps:
        lines += ["", f"{step.number}. {_title(step)}"]
        lines += [f"   {one}" for one in _told(step)]
    lines += ["", translate(N_("Signatures of those present:")), ""]
    lines += [f"{name}: ________________" for name in _present(ceremony)]
    return "\n".join(lines) + "\n"


def html(ceremony: Ceremony) -> str:
    """The minutes as one page without anything from elsewhere."""
    head = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _head(ceremony)
    )
    rows = "".join(
        f"<tr><td>{step.number}</td><td>{escape(_title(step))}</td>"
        f"<td>{'<br>'.join(escape(one) for one in _told(step))}</td></tr>"
        for step in ceremony.steps
    )
    signed = "".join(f"<tr><td>{escape(name)}</td><td>&nbsp;</td></tr>" for name in _present(ceremony))
    title = escape(translate(N_("Minutes of a key ceremony")))
    below = escape(translate(N_("Signatures of those present:")))
    return (
        f'<!doctype html><html lang="{current_language()}"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1><table>{head}</table><h2>{title}</h2>"
        f"<table>{rows}</table><h2>{below}</h2><table>{signed}</table></html>\n"
    )


def of_request(carried: Carried) -> str:
    """The line that tells how an offline CA has answered."""
    signed_at = _time(carried.signed_at) if carried.signed_at else "–"
    return (
        f"{carried.id} SHA-256 {carried.digest}; {carried.signed_by}, {signed_at}; "
        f"SHA-256 {sha256_hex(carried.answer.encode())}"
    )


def _head(ceremony: Ceremony) -> Iterator[tuple[str, str]]:
    yield translate(N_("Ceremony number")), ceremony.id
    yield translate(N_("Subject of the ceremony")), ceremony.title
    yield translate(N_("Kind of ceremony")), str(ceremony.kind)
    yield translate(N_("Proposed by")), f"{_proposer(ceremony)}, {_time(ceremony.proposed_at)}"
    yield translate(N_("Performed by")), ceremony.performer or ceremony.performed_by
    if ceremony.performed_at is not None:
        yield translate(N_("Performed at")), _time(ceremony.performed_at)
    yield translate(N_("Witnesses")), ", ".join(ceremony.witnesses) or "–"
    yield translate(N_("SHA-256 of the approved plan")), ceremony.digest
    yield translate(N_("Approved plan")), canonical_json(ceremony.plan).decode()


def _told(step: Step) -> Iterator[str]:
    if step.about:
        yield translate(N_("CA: %(id)s"), id=step.about)
    if step.done_at is not None:
        person = f", {step.person}" if step.person else ""
        yield f"{_time(step.done_at)} {step.done_by}{person}"
    if step.remark:
        yield step.remark
    yield from (step.result or {}).get("lines", ())


def _title(step: Step) -> str:
    return step.title["en" if current_language() == "en" else "zh"]


def _present(ceremony: Ceremony) -> list[str]:
    return [_proposer(ceremony), ceremony.performer or ceremony.performed_by, *ceremony.witnesses]


def _proposer(ceremony: Ceremony) -> str:
    return ceremony.proposer or ceremony.proposed_by


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
