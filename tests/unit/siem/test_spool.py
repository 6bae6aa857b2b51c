"""What is in the spool survives kills, torn writes, damage and a full disk."""

import io
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import FixedClock
from kernel.errors import Conflict
from siem.adapters.spool import SpoolFull, SpoolReader, SpoolWriter, encode, spool_file

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def write(folder: Path, *lines: bytes) -> SpoolWriter:
    writer = SpoolWriter(folder, FixedClock(NOW))
    for line in lines:
        writer.append("tcp", "192.0.2.1", line)
    return writer


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_lines_come_back_with_sender_time_and_transport(tmp_path: Path) -> None:
    write(tmp_path, b"one", "二".encode()).close()
    batch = SpoolReader(tmp_path).read({}, 10)
    assert [(r.data, r.source, r.transport, r.received_at) for r in batch.lines] == [
        (b"one", "192.0.2.1", "tcp", NOW),
        ("二".encode(), "192.0.2.1", "tcp", NOW),
    ]
    assert len({raw.id for raw in batch.lines}) == 2
    assert [position.finished for position in batch.positions.values()] == [True]


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    writer, reader = write(tmp_path, b"a", b"b", b"c"), SpoolReader(tmp_path)
    first = reader.read({}, 2)
    done = {name: (position.offset, position.finished) for name, position in first.positions.items()}
    writer.append("udp", "192.0.2.2", b"d")
    second = reader.read(done, 10)
    assert [raw.data for raw in (*first.lines, *second.lines)] == [b"a", b"b", b"c", b"d"]
    assert not any(position.finished for position in second.positions.values())  # its writer lives


def test_a_torn_tail_is_cut_and_counted(tmp_path: Path) -> None:
    write(tmp_path, b"whole", b"torn").close()
    [segment] = segments(tmp_path)
    os.truncate(segment, segment.stat().st_size - 2)
    batch = SpoolReader(tmp_path).read({}, 10)
    assert [raw.data for raw in batch.lines] == [b"whole"]
    [lost] = batch.lost.values()
    assert lost == len(encode("tcp", "192.0.2.1", b"torn", NOW, truncated=False)) - 2
    assert SpoolReader(tmp_path).read({}, 10).lost == {}  # cut off: the second look finds nothing wrong


def test_a_half_written_line_of_a_living_writer_is_waited_for(tmp_path: Path) -> None:
    writer = write(tmp_path, b"whole")
    [segment] = segments(tmp_path)
    with segment.open("ab") as file:
        file.write(encode("tcp", "192.0.2.1", b"later", NOW, truncated=False)[:9])
    batch = SpoolReader(tmp_path).read({}, 10)
    assert [raw.data for raw in batch.lines] == [b"whole"]
    assert batch.lost == {}
    writer.close()


def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    write(tmp_path, b"first", b"second", b"third").close()
    [segment] = segments(tmp_path)
    data = bytearray(segment.read_bytes())
    data[data.find(b"second")] ^= 1
    segment.write_bytes(data)
    batch = SpoolReader(tmp_path).read({}, 10)
    assert [raw.data for raw in batch.lines] == [b"first", b"third"]
    assert len(batch.lost) == 1


def test_only_one_process_reads(tmp_path: Path) -> None:
    reader = SpoolReader(tmp_path)
    with reader.alone(), pytest.raises(Conflict), SpoolReader(tmp_path).alone():
        pass
    with reader.alone():
        pass


def test_segments_are_rotated_and_removed(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, FixedClock(NOW), segment_size=200)
    for n in range(10):
        writer.append("udp", "192.0.2.1", b"%d" % n)
    writer.close()
    assert len(segments(tmp_path)) > 1
    reader = SpoolReader(tmp_path)
    batch = reader.read({}, 100)
    assert [raw.data for raw in batch.lines] == [b"%d" % n for n in range(10)]
    reader.remove(batch.positions)
    assert segments(tmp_path) == []


_FILL = """
import resource, sys
from pathlib import Path
from kernel.clock import SystemClock
from siem.adapters.spool import SpoolFull, SpoolWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
writer, kept = SpoolWriter(Path(sys.argv[1]), SystemClock()), 0
try:
    for n in range(100):
        writer.append("tcp", "192.0.2.1", b"x" * 100)
        kept += 1
except SpoolFull as error:
    print(kept, error.text("en"))
"""


def test_a_full_disk_is_a_typed_error_and_leaves_the_spool_whole(tmp_path: Path) -> None:
    """The file size limit of a child process stands for the disk: the kernel refuses the write in the same way."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    kept = int(done.stdout.split()[0])
    assert 0 < kept < 100
    assert "Make room on this disk" in done.stdout
    batch = SpoolReader(tmp_path).read({}, 1000)
    assert len(batch.lines) == kept
    assert batch.lost == {}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


_IMPORT = """
import resource, sys
from pathlib import Path
from kernel.clock import SystemClock
from siem.adapters.spool import SpoolFull, spool_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    spool_file(Path(sys.argv[1]), SystemClock(), Path(sys.argv[2]).open("rb"), "x")
except SpoolFull:
    print("full")
"""


def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "big.log").write_bytes(b"a line of a log\n" * 1000)
    command = [sys.executable, "-c", _IMPORT, str(tmp_path / "spool"), str(tmp_path / "big.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "full\n"
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_a_file_goes_in_whole(tmp_path: Path) -> None:
    lines = io.BytesIO(b"one\n\ntwo" + b"!" * 70_000)
    assert spool_file(tmp_path / "spool", FixedClock(NOW), lines, "x") == 3
    batch = SpoolReader(tmp_path / "spool").read({}, 10)
    assert [raw.truncated for raw in batch.lines] == [False, True, False]


def test_a_folder_that_can_not_be_written_is_a_typed_error(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", FixedClock(NOW))
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("a file in its place")
    with pytest.raises(SpoolFull):
        writer.append("tcp", "192.0.2.1", b"x")


@given(st.binary(max_size=400))
def test_any_bytes_as_a_segment_give_lines_or_damage_and_an_end(data: bytes) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        folder = Path(name)
        good = encode("udp", "s", b"good", NOW, truncated=False)
        (folder / "seg_1.spool").write_bytes(data + good)
        batch = SpoolReader(folder).read({}, 100)
        assert b"good" in [raw.data for raw in batch.lines]
        assert all(position.finished for position in batch.positions.values())
