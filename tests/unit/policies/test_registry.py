"""All policy data is checked when it is loaded; every fault is named by file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from policies.registry import DATA, FaultyData, PolicyData, load, read_documents

GOOD = "id: one\ntitle: {zh: 甲, en: A}\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_suites_own_data_is_sound(data: PolicyData) -> None:
    assert data.counts()["catalogue"] == 10
    assert data.counts()["baselines"] >= 20


def test_the_version_follows_every_byte(tmp_path: Path) -> None:
    first = load(written(tmp_path, baselines__one=GOOD)).version
    assert load(tmp_path).version == first
    assert load(written(tmp_path, baselines__one=GOOD + "# remark\n")).version != first
    assert (
        load(written(tmp_path, baselines__one=GOOD, baselines__two=GOOD.replace("one", "two"))).version
        != first
    )


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("id: one\ntitle: [\n", "baselines/bad.yaml:3", "YAML"),
        ("id: one\nid: two\n", "baselines/bad.yaml:2", "written twice"),
        ("title: {zh: 甲, en: A}\nlist:\n  - {a: 1, a: 2}\n", "baselines/bad.yaml:3", "written twice"),
        ("a: &a [x]\nb: !!python/object/apply:os.system [ls]\n", "baselines/bad.yaml:2", "YAML"),
        ("a: 2026-13-45\n", "baselines/bad.yaml", "YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(FaultyData) as caught:
        load(written(tmp_path, baselines__bad=text, baselines__good=GOOD))
    assert [fault.place for fault in caught.value.faults] == [place]
    assert words in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FaultyData) as caught:
        load(written(tmp_path, baselines__a="id: [\n", baselines__b="id: x\nid: y\n", baselines__c=GOOD))
    assert [fault.place.split(":")[0] for fault in caught.value.faults] == [
        "baselines/a.yaml",
        "baselines/b.yaml",
    ]


def test_a_repeated_id_names_both_places(tmp_path: Path) -> None:
    with pytest.raises(FaultyData, match=r"baselines/b\.yaml:1: The id one is also in baselines/a\.yaml:1"):
        load(written(tmp_path, baselines__a=GOOD, baselines__b=GOOD))


def test_a_breach_of_the_schema_names_the_line_of_the_value(tmp_path: Path) -> None:
    text = (DATA / "catalogue" / "02-cns.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    number = next(place for place, line in enumerate(lines, 1) if "test: present" in line)
    spoilt = text.replace("test: present", "test: guess", 1)
    with pytest.raises(FaultyData) as caught:
        load(written(tmp_path, catalogue__cns=spoilt))
    assert {fault.place for fault in caught.value.faults} == {f"catalogue/cns.yaml:{number}"}


def test_a_file_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        read_documents("标题: 甲".encode("gb18030"), "baselines/gb.yaml")


def test_nested_aliases_are_refused_before_they_grow() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    with pytest.raises(Invalid, match="nodes"):
        read_documents(bomb.encode(), "baselines/bomb.yaml")


@given(st.binary(max_size=200) | st.text(alphabet="ab:-{}[]&*!#|> \n'\"%?,", max_size=80).map(str.encode))
def test_any_bytes_are_documents_or_the_typed_error(data: bytes) -> None:
    try:
        documents = read_documents(data, "baselines/any.yaml")
    except Invalid:
        return
    assert all(document.line >= 1 for document in documents)


def test_one_part_can_be_loaded_by_itself_and_both_endings_count(tmp_path: Path) -> None:
    folder = written(tmp_path, baselines__one=GOOD, thresholds__broken="id: [\n")
    (folder / "baselines" / "two.yml").write_text(GOOD.replace("one", "two"), encoding="utf-8")
    assert [document.value["id"] for document in load(folder, part="baselines").documents] == ["one", "two"]
