"""Importing the register from other people's tables: every bad row reported, nothing broken taken over."""

import csv
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from kernel.assets import Network, Zone
from kernel.assets.importing import ImportReport
from kernel.assets.rows import ASSET_COLUMNS
from kernel.assets.service import Register
from kernel.assets.tables import MAX_FILE, MAX_ROWS, TableFile, formula_like, read_table
from kernel.clock import FixedClock
from kernel.errors import Invalid, LimitExceeded, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.store import Database
from tests.conftest import on_sqlite

HEAD = ["名称", "类型", "单位", "安全域", "管理地址", "平台", "保护等级", "SNMP端口", "属性:rack"]
GOOD = ["nw-core", "设备", "市大数据局", "内网", "10.1.0.1", "huawei_vrp", "3", "1161", "A-12"]


@pytest.fixture
def register(any_database: Database, clock: FixedClock, network_admin: Principal) -> Register:
    made = Register(any_database, clock, Access(any_database))
    made.put_zone(network_admin, Zone("intranet", "内网", Network.INTRANET, ("10.1.0.0/16",), 3))
    return made


def csv_file(folder: Path, rows: list[list[str]], encoding: str = "utf-8-sig") -> Path:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    path = folder / "资产.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def xlsx_file(folder: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    path = folder / "assets.xlsx"
    book.save(path)
    return path


def faults(report: ImportReport) -> list[tuple[int, str]]:
    return [(fault.row, fault.column) for fault in report.rows_bad]


@on_sqlite
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030"])
def test_csv_in_the_encodings_of_chinese_spreadsheets(
    register: Register, network_admin: Principal, tmp_path: Path, encoding: str
) -> None:
    report = register.import_table(network_admin, csv_file(tmp_path, [HEAD, GOOD], encoding))
    assert (report.rows_ok, report.rows_bad, report.stored) == (1, (), True)
    found = register.asset("nw-core")
    assert (found.unit, found.zone, found.level) == ("u_city", "intranet", 3)
    assert found.attributes == {"snmp_port": 1161, "rack": "A-12"}


@on_sqlite
def test_every_bad_row_is_reported_and_the_good_ones_are_taken(
    register: Register, network_admin: Principal, tmp_path: Path
) -> None:
    rows: list[list[object]] = [
        ["name", "kind", "unit", "zone", "address", "level", "snmp_port"],
        ["good-1", "device", "u_city", "intranet", "10.1.0.1", 3, 161],
        ["bad kind", "toaster", "u_city", "intranet", "10.1.0.2", 3, None],
        ["bad-unit", "device", "u_mars", "intranet", "10.1.0.3", 3, None],
        ["bad-zone", "device", "u_city", "moon", "10.1.0.4", 3, None],
        ["bad-address", "device", "u_city", "intranet", "10.1.0", 3, None],
        ["outside", "device", "u_city", "intranet", "10.2.0.1", 3, None],
        [None, None, None, None, None, None, None],
        ["good-1", "device", "u_city", "intranet", "10.1.0.5", 3, None],
        ["same-address", "device", "u_city", "intranet", "10.1.0.1", 3, None],
        ["formula", "device", "u_city", "intranet", "10.1.0.6", "=1+2", None],
        ["bad-port", "device", "u_city", "intranet", "10.1.0.7", 3, 99999],
        ["bad-level", "device", "u_city", "intranet", "10.1.0.8", 7, None],
        ["no-kind", None, "u_city", "intranet", "10.1.0.9", 3, None],
        ["good-2", "service", "u_city", None, "10.1.0.1", 2.0, None],
    ]
    report = register.import_table(network_admin, xlsx_file(tmp_path, rows))
    assert faults(report) == [
        (3, "kind"), (4, "unit"), (5, "zone"), (6, "address"), (7, "address"), (9, "name"), (10, "address"),
        (11, "level"), (12, "snmp_port"), (13, "level"), (14, "kind"),
    ]  # fmt: skip
    assert [asset.name for asset in register.assets()] == ["good-1", "good-2"]
    for fault in report.rows_bad:
        assert fault.text("zh_CN")
        assert "%(" not in fault.text("en")


def test_all_or_nothing_and_dry_run_store_nothing(
    register: Register, network_admin: Principal, tmp_path: Path
) -> None:
    path = csv_file(tmp_path, [HEAD, GOOD, ["x", "设备", "没有的单位", "", "", "", "", "", ""]])
    refused = register.import_table(network_admin, path, all_or_nothing=True)
    tried = register.import_table(network_admin, path, dry_run=True)
    assert faults(refused) == faults(tried) == [(3, "单位")]
    assert (refused.stored, tried.stored, tried.rows_ok) == (False, False, 1)
    assert register.assets() == []


def test_an_entry_that_is_there_is_replaced_only_on_purpose(
    register: Register, network_admin: Principal, tmp_path: Path
) -> None:
    path = csv_file(tmp_path, [HEAD, GOOD])
    register.import_table(network_admin, path)
    assert faults(register.import_table(network_admin, path)) == [(2, "名称")]
    assert register.import_table(network_admin, path, update=True).stored
    assert register.asset("nw-core").version == 2


@on_sqlite
def test_rows_of_another_unit_are_bad_rows(register: Register, tmp_path: Path) -> None:
    local = Principal("usr_local", "local", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_county", "password")
    rows = [["name", "kind", "unit"], ["own", "system", "u_county"], ["foreign", "system", "u_city"]]
    report = register.import_table(local, csv_file(tmp_path, rows))
    assert faults(report) == [(3, "unit")]
    assert [asset.name for asset in register.assets()] == ["own"]


def test_zones_and_links(register: Register, network_admin: Principal, tmp_path: Path) -> None:
    zones = [["编号", "名称", "网络", "网段", "等级"], ["dmz", "外网DMZ", "外网", "10.2.0.0/24；10.3.0.0/24", "2"],
             ["bad", "x", "外网", "10.2.0.1/24", "2"]]  # fmt: skip
    assert faults(register.import_zones(network_admin, csv_file(tmp_path, zones))) == [(3, "网段")]
    assert {zone.id: zone.prefixes for zone in register.zones()}["dmz"] == ("10.2.0.0/24", "10.3.0.0/24")
    again = register.import_zones(network_admin, csv_file(tmp_path, zones[:2]))
    assert (again.rows_ok, again.rows_bad) == (1, ())
    other = ["nw-acc", *GOOD[1:4], "10.1.0.2", *GOOD[5:]]
    register.import_table(network_admin, csv_file(tmp_path, [HEAD, GOOD, other]))
    links = [["甲端", "甲端端口", "乙端", "乙端端口"], ["nw-core", "GE0/0/1", "nw-acc", "GE1/0/1"],
             ["nw-acc", "GE1/0/1", "nw-core", "GE0/0/1"], ["nw-core", "GE0/0/2", "nobody", "1"]]  # fmt: skip
    report = register.import_links(network_admin, csv_file(tmp_path, links))
    assert faults(report) == [(3, "甲端"), (4, "乙端")]
    assert len(register.links()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["name", "kind", "unit", "colour"]], "'colour' is not known"),
        ([["name", "kind"]], "lacks: unit"),
        ([["name", "名称", "kind", "unit"]], "there twice"),
        ([[]], "lacks: name, kind, unit"),
    ],
)
def test_a_wrong_head_row_refuses_the_file(
    register: Register, network_admin: Principal, tmp_path: Path, rows: list[list[str]], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        register.import_table(network_admin, csv_file(tmp_path, rows))


@on_sqlite
def test_who_may_not_write_imports_nothing(register: Register, analyst: Principal, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        register.import_table(analyst, csv_file(tmp_path, [HEAD, GOOD]))


# --- hostile files
def test_limits_of_size(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    long = csv_file(tmp_path, [HEAD] + [[""]] * MAX_ROWS)
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(["x"] * 100))
    for path in (big, long, wide):
        with pytest.raises(LimitExceeded):
            read_table(TableFile.of(path), ASSET_COLUMNS)


def test_what_somebody_waits_for_is_shorter() -> None:
    data = "name,kind,unit\n" + "a,device,u_city\n" * 5
    assert len(read_table(TableFile("sent.csv", data.encode(), 6), ASSET_COLUMNS)[0]) == 5
    with pytest.raises(LimitExceeded, match=r"5 rows.*several files"):
        read_table(TableFile("sent.csv", data.encode(), 5), ASSET_COLUMNS)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", bytes(40 * 2**20))
    assert path.stat().st_size < MAX_FILE
    with pytest.raises(LimitExceeded, match="unpacks"):
        read_table(TableFile.of(path), ASSET_COLUMNS)


def test_a_bomb_of_cells_is_refused_before_the_reader_holds_them(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [["name"]])
    cells = b"<row>" + b"<c><v>1</v></c>" * 2_000_000 + b"</row></sheetData>"
    bomb = rewritten(path, "xl/worksheets/sheet1.xml", b"</sheetData>", cells)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="elements"):
            read_table(TableFile("cells.xlsx", bomb.read_bytes()), ASSET_COLUMNS)
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def rewritten(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """The workbook with ``old`` replaced by ``new`` in one of its parts."""
    target = path.with_name("rewritten.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as sink:
        for name in source.namelist():
            data = source.read(name)
            assert name != part or old in data
            sink.writestr(name, data.replace(old, new) if name == part else data)
    return target


def test_xml_entities_and_false_dimensions_are_refused(tmp_path: Path) -> None:
    good = xlsx_file(tmp_path, [list(HEAD), list(GOOD)])
    bomb = b'<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet '
    sheet = "xl/worksheets/sheet1.xml"
    with pytest.raises(Invalid, match="no workbook"):
        read_table(TableFile.of(rewritten(good, sheet, b"<worksheet ", bomb)), ASSET_COLUMNS)
    with pytest.raises(LimitExceeded, match="rows"):
        read_table(TableFile.of(rewritten(good, sheet, b'<row r="2"', b'<row r="1048576"')), ASSET_COLUMNS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: f"name,kind,unit\n{text}".encode("utf-8", "replace"))
)
def test_any_bytes_give_rows_or_the_typed_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(data)
    try:
        rows, bad, _heads = read_table(TableFile.of(path), ASSET_COLUMNS)
    except (Invalid, LimitExceeded):
        return
    assert all(row.number > 1 for row in rows)
    assert all(fault.text("en") for fault in bad)


@pytest.fixture(scope="module")
def sound_workbook(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One for all examples: a workbook holds the time of its making, so two are never alike."""
    return xlsx_file(tmp_path_factory.mktemp("sound"), [list(HEAD), list(GOOD)]).read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_workbook_gives_rows_or_the_typed_error(
    sound_workbook: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    good = bytearray(sound_workbook)
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(4, len(good) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(good)
    refused = []
    try:
        read_table(TableFile.of(path), ASSET_COLUMNS)
    except (Invalid, LimitExceeded) as error:
        refused.append(error)
    assert all(error.mend for error in refused)


OLD = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("old.xls", OLD),
        ("locked.xlsx", OLD),
        ("not-one.xlsx", b"name,kind,unit"),
        ("cut.xlsx", b"PK\x03\x04" + bytes(20)),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ],
)
def test_a_file_that_is_no_table_is_told_what_to_save_it_as(name: str, data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_table(TableFile(name, data), ASSET_COLUMNS)
    assert refused.value.place == name
    assert "CSV" in refused.value.mend


# --- export
def test_what_is_exported_reads_back_in_and_acts_as_no_formula(
    register: Register, network_admin: Principal, tmp_path: Path
) -> None:
    path = csv_file(tmp_path, [[*HEAD, "备注"], [*GOOD, "'=HYPERLINK(1)"]])
    assert register.import_table(network_admin, path).rows_bad == ()
    before = register.asset("nw-core")
    assert before.attributes["remark"] == "=HYPERLINK(1)"
    for form in ("csv", "xlsx"):
        file = tmp_path / f"out.{form}"
        file.write_bytes(register.export(network_admin, form))
        report = register.import_table(network_admin, file, update=True)
        assert (report.rows_ok, report.rows_bad) == (1, ())
        assert register.asset("nw-core").attributes == before.attributes
    sheet = load_workbook(tmp_path / "out.xlsx").worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or formula_like(str(cell.value or ""))]
    listed = json.loads(register.export(network_admin, "json"))
    assert [entry["name"] for entry in listed] == ["nw-core"]


def test_a_telephone_number_is_no_formula() -> None:
    assert not any(map(formula_like, ("+86 (0577) 8888-1234", "-3.5", "plain", "-")))
    assert all(
        map(formula_like, ("=1", "+cmd|' /C calc'!A0", "@SUM(1)", "-2+cmd", "＝1", "＋1", "－1", "＠x"))
    )
