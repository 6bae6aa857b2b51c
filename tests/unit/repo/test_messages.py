"""`make check` finds every message that one of the two languages lacks."""

from pathlib import Path

import pytest

from scripts import messages

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: zh_CN\\n"

"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `room` with one marked message in code and one in a template."""
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    folder = tmp_path / "room"
    (folder / "locale").mkdir(parents=True)
    (folder / "templates").mkdir()
    (folder / "service.py").write_text('from kernel.i18n import N_\nTEXT = N_("%(count)s devices")\n')
    (folder / "templates" / "page.html").write_text("<h1>{{ _('Devices') }}</h1>\n")
    return folder


def catalogue(package: Path, text: str) -> None:
    (package / "locale" / "zh_CN.po").write_text(PO + text, encoding="utf-8")


GOOD = 'msgid "%(count)s devices"\nmsgstr "%(count)s 台设备"\n\nmsgid "Devices"\nmsgstr "设备"\n'


def test_complete_messages_have_no_fault(package: Path) -> None:
    catalogue(package, GOOD)
    assert list(messages.faults("room")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD.replace("设备", ""), "no zh_CN translation"),
        (GOOD.replace("%(count)s 台", "%(number)s 台"), "placeholders ['number'] in place of ['count']"),
        (GOOD + '\nmsgid "Gone"\nmsgstr "没有了"\n', "is in no code"),
        (GOOD + '\n#~ msgid "Old"\n#~ msgstr "旧"\n', "obsolete"),
        (GOOD.replace('msgid "Devices"', '#, fuzzy\nmsgid "Devices"'), "fuzzy"),
    ],
)
def test_each_fault_is_named(package: Path, text: str, fault: str) -> None:
    catalogue(package, text)
    assert any(fault in found for found in messages.faults("room"))


def test_a_package_without_a_catalogue_lacks_every_message(package: Path) -> None:
    found = list(messages.faults("room"))
    assert len(found) == 2
    assert any(line.startswith("room/service.py:2:") for line in found)
    assert any(line.startswith("room/templates/page.html:1:") for line in found)


def test_update_keeps_translations_adds_new_messages_and_drops_unused(package: Path) -> None:
    catalogue(package, 'msgid "Devices"\nmsgstr "设备"\n\nmsgid "Gone"\nmsgstr "没有了"\n')
    messages.update("room")
    after = messages.read("room")
    assert {message.id: message.string for message in after if message.id} == {
        "Devices": "设备",
        "%(count)s devices": "",
    }


@pytest.mark.parametrize("text", ["title: {zh: 口令}", "- a\n- rules: [{text: {en: Password, zh: ''}}]"])
def test_policy_data_in_one_language_is_a_fault(package: Path, text: str) -> None:
    folder = package.parent / "policies" / "data" / "baselines"
    folder.mkdir(parents=True)
    (folder / "rule.yaml").write_text(text, encoding="utf-8")
    assert len(list(messages.data_faults())) == 1


def test_policy_data_in_both_languages_is_right(package: Path) -> None:
    folder = package.parent / "policies" / "data"
    folder.mkdir(parents=True)
    (folder / "rule.yaml").write_text("title: {zh: 口令, en: Password}\nnumber: 3\n", encoding="utf-8")
    assert list(messages.data_faults()) == []


def test_a_message_has_the_same_chinese_in_every_package(package: Path) -> None:
    catalogue(package, GOOD)
    here = messages.read("room")
    assert list(messages.disagreements({"room": here, "hall": here})) == []
    catalogue(package, GOOD.replace("设备", "装置"))
    (fault, other) = messages.disagreements({"room": here, "hall": messages.read("room")})
    assert "'设备' in room and '装置' in hall" in other + fault
