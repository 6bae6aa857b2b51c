"""Lists that pass by the signer: cut anywhere, spoiled anywhere, a million long; and the officers that they name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.model import Reason
from ca.signer.crl_check import CrlCheck
from ca.signer.guard import Guarded
from ca.signer.memory import MemoryKeys
from ca.signer.model import KeyInfo, KeyRole, Purpose
from ca.signer.officers import Officers, Watch
from kernel.errors import IntegrityFailed
from kernel.pki import der
from kernel.pki.algorithms import algorithm
from tests.unit.ca.test_signer_guard import PREPARES, crl, entry, key_of


@pytest.fixture(scope="module")
def keys() -> MemoryKeys:
    made = MemoryKeys()
    made.generate("issuing", KeyRole.ISSUING, "p256")
    return made


def checked(key: KeyInfo, tbs: bytes, size: int = 1000) -> None:
    check = CrlCheck(key.spki, algorithm(key.algorithm))
    for at in range(0, len(tbs), size):
        check.feed(tbs[at : at + size])
    check.finish()


SERIALS = st.integers(1, (1 << 159) - 1)
ENTRIES = st.builds(
    entry, SERIALS, st.sampled_from(list(Reason)), st.none() | st.just(datetime(2051, 1, 1, tzinfo=UTC))
)


@given(st.lists(ENTRIES, max_size=40), st.integers(1, 300))
@settings(max_examples=150, deadline=None)
def test_every_list_that_we_may_make_passes_in_pieces_of_any_size(
    keys: MemoryKeys, entries: list[bytes], size: int
) -> None:
    checked(key_of(keys), crl(key_of(keys), b"".join(entries)), size)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_list_with_a_spoiled_octet_is_refused_or_still_a_list(
    keys: MemoryKeys, data: st.DataObject
) -> None:
    key = key_of(keys)
    tbs = bytearray(crl(key, b"".join(entry(1 << 126 | number, Reason.SUPERSEDED) for number in range(600))))
    for _ in range(data.draw(st.integers(1, 3))):
        tbs[data.draw(st.integers(0, len(tbs) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        checked(key, bytes(tbs))
    except der.MalformedDer:
        return
    shape = der.sequence(bytes(tbs), algorithm("p256").identifier, der.bit_string(b""))
    der.Reader(shape, "CRL").enter(der.SEQUENCE).element()


# --- officers' certificates on lists
def test_what_was_revoked_once_is_remembered_over_a_restart(keys: MemoryKeys, tmp_path: Path) -> None:
    path = tmp_path / "signer.officers"
    serials = [1 << 126 | number for number in range(4)]
    officers = Officers(path)
    for serial in serials:
        officers.add("issuing", serial)
    reasons = (Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD, Reason.UNSPECIFIED)
    listed = b"".join(entry(serial, reason) for serial, reason in zip(serials, reasons, strict=False))
    filler = b"".join(entry(1 << 120 | number, Reason.CERTIFICATE_HOLD) for number in range(40_000))
    guard = Guarded(keys, PREPARES, officers=officers)
    assert guard.sign("issuing", Purpose.CRL, crl(key_of(keys), filler + listed + filler))
    assert [officers.revoked(serial) for serial in serials] == [True, False, True, False]
    assert guard.sign("issuing", Purpose.CRL, crl(key_of(keys)))
    assert [Officers(path).revoked(serial) for serial in serials] == [True, False, True, False]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"[]", b'{"issuing": 1}', b'{"issuing": {"5": "no"}}', b"\xff"])
def test_a_spoiled_record_of_officers_stops_the_signer(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signer.officers"
    path.write_bytes(content)
    with pytest.raises(IntegrityFailed):
        Officers(path)


@given(st.lists(SERIALS, min_size=1, max_size=30, unique=True), st.data())
@settings(max_examples=80, deadline=None)
def test_every_watched_serial_is_found_however_the_list_is_cut(
    keys: MemoryKeys, serials: list[int], data: st.DataObject
) -> None:
    reasons = [data.draw(st.sampled_from(list(Reason))) for _ in serials]
    watched = data.draw(st.sets(st.sampled_from(serials)))
    watch = Watch(sorted(watched))
    check = CrlCheck(key_of(keys).spki, algorithm("p256"), watch)
    tbs = crl(key_of(keys), b"".join(map(entry, serials, reasons)))
    size = data.draw(st.integers(1, 400))
    for at in range(0, len(tbs), size):
        check.feed(tbs[at : at + size])
    check.finish()
    passing = (Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL)
    told = {one for one, why in zip(serials, reasons, strict=True) if why not in passing}
    assert watch.found == watched & told


@pytest.mark.slow
def test_a_list_of_a_million_costs_the_signer_little(tmp_path: Path) -> None:
    """CPU seconds and memory of a signer process of its own; the marks leave room for a slower machine."""
    import subprocess
    import sys

    program = """
import resource, sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from ca.signer.crl_check import CrlCheck
from kernel.pki.algorithms import algorithm
spki, tbs = (Path(name).read_bytes() for name in sys.argv[1:])
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
check = CrlCheck(spki, algorithm("p256"))
for at in range(0, len(tbs), 1 << 20):
    check.feed(memoryview(tbs)[at : at + (1 << 20)])
check.finish()
print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    keys = MemoryKeys()
    key = keys.generate("issuing", KeyRole.ISSUING, "p256")
    (tmp_path / "spki").write_bytes(key.spki)
    (tmp_path / "tbs").write_bytes(crl(key, entry(1 << 126, Reason.SUPERSEDED) * 1_000_000))
    command = [sys.executable, "-c", program, str(tmp_path / "spki"), str(tmp_path / "tbs")]
    seconds, kibibytes = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert float(seconds) < 1.0
    assert int(kibibytes) < 20_000
