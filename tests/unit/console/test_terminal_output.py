"""What devices and strangers write must not steer the terminal of who reads it (CWE-150), nor a spreadsheet (CWE-1236)."""

import json

import pytest

from kernel.edges.cli import Output
from kernel.errors import Invalid

CLEAR, TITLE, BACK, RIGHT_TO_LEFT = "\x1b[2J", "\x1b]0;owned\x07", "\b\b", "\u202e"
HOSTILE = f"sw1{CLEAR}{TITLE}{BACK}\x9b31m{RIGHT_TO_LEFT}"
STEERING = ("\x1b", "\x07", "\b", "\x9b", "\r", "\u202e")


@pytest.mark.parametrize("form", ["table", "csv", "yaml", "json"])
def test_no_cell_steers_the_terminal(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(form)
    out.rows([{"name": HOSTILE, "list": [HOSTILE], "more": {"a": HOSTILE}}], ("name", "list", "more"))
    out.record({"name": HOSTILE})
    shown = capsys.readouterr().out
    assert "sw1" in shown
    assert [sign for sign in STEERING if sign in shown] == []


def test_json_still_holds_the_very_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output("json").rows([{"name": HOSTILE}], ("name",))
    assert json.loads(capsys.readouterr().out) == [{"name": HOSTILE}]


def test_texts_and_notes_are_shown_harmless_with_their_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    out = Output()
    out.text(f"interface ge-0\n\tdescription {HOSTILE}")
    out.note("%(name)s is down", name=HOSTILE)
    out.progress(2, "collect").step(HOSTILE)
    shown = capsys.readouterr()
    assert "interface ge-0\n\tdescription sw1" in shown.out
    assert [sign for sign in STEERING if sign in shown.out + shown.err] == []


def test_an_error_that_quotes_its_input_is_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    from console.main import _show

    _show(Invalid("%(name)s is wrong", name=HOSTILE, place=HOSTILE), as_json=False)
    _show(Invalid("%(name)s is wrong", name=HOSTILE, place=HOSTILE), as_json=True)
    assert [sign for sign in STEERING if sign in capsys.readouterr().err] == []


def test_a_text_goes_into_a_file_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().text("banner motd \x03 keep out \x03")
    assert capsys.readouterr().out == "banner motd \x03 keep out \x03\n"


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_no_cell_of_a_csv_is_a_formula(first: str, capsys: pytest.CaptureFixture[str]) -> None:
    Output("csv").rows([{"name": f"{first}cmd|' /C calc'!A0"}], ("name",))
    cell = capsys.readouterr().out.split("\n", 1)[1].strip().strip('"')
    assert cell.startswith("'")
