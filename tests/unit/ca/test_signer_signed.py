"""What the signer has signed it remembers: after a restart, after a kill, after a full disk."""

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.signer import signed as module
from ca.signer.guard import Guarded
from ca.signer.memory import MemoryKeys
from ca.signer.model import KeyRole, Purpose, SigningRefused
from ca.signer.signed import Signed
from kernel.errors import IntegrityFailed
from tests.unit.ca.test_signer_guard import PREPARES, certificate
from tests.unit.ca.test_signer_process import Process, process

__all__ = ["process"]
A, B = b"a" * 32, b"b" * 32


def record(folder: Path, kept: int = 100) -> Signed:
    return Signed(folder / "signer.serials", folder / "signer.approved", kept=kept)


def test_a_serial_stands_for_one_certificate_over_a_restart(tmp_path: Path) -> None:
    keys = MemoryKeys()
    key = keys.generate("issuing", KeyRole.ISSUING, "p256")
    first, other = certificate(key, 77), certificate(key, 77, "another")
    assert Guarded(keys, PREPARES, signed=record(tmp_path)).sign("issuing", Purpose.CERTIFICATE, first)
    again = Guarded(keys, PREPARES, signed=record(tmp_path))
    with pytest.raises(SigningRefused, match="serial"):
        again.sign("issuing", Purpose.CERTIFICATE, other)
    assert again.sign("issuing", Purpose.CERTIFICATE, first)


def test_the_process_remembers_after_it_was_killed(process: Process) -> None:
    with closing(process.client()) as client:
        key = client.generate("issuing", KeyRole.ISSUING, "p256")
        first, other = certificate(key, 77), certificate(key, 77, "another")
        assert client.sign("issuing", Purpose.CERTIFICATE, first)
        process.kill()
        process.start()
        with pytest.raises(SigningRefused, match="serial"):
            client.sign("issuing", Purpose.CERTIFICATE, other)
        assert client.sign("issuing", Purpose.CERTIFICATE, first)
    assert (process.folder / "keys" / "signer.serials").stat().st_mode & 0o077 == 0


def test_what_was_approved_is_remembered_apart_from_serials(tmp_path: Path) -> None:
    signed = record(tmp_path, kept=4)
    assert signed.approved("issuing", "req_1", A)
    assert all(signed.serial("issuing", serial, A) for serial in range(50))
    assert not signed.approved("issuing", "req_1", B)
    assert signed.approved("other", "req_1", B)


def test_only_the_newest_are_kept_and_the_file_stays_small(tmp_path: Path) -> None:
    signed = record(tmp_path, kept=10)
    assert all(signed.serial("issuing", serial, A) for serial in range(100))
    again = record(tmp_path, kept=10)
    assert [again.serial("issuing", serial, B) for serial in range(90, 100)] == [False] * 10
    assert again.serial("issuing", 3, B)
    assert (tmp_path / "signer.serials").stat().st_size <= 22 * 48


@given(torn=st.integers(1, 47), more=st.integers(0, 5))
def test_half_a_record_at_the_end_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, torn: int, more: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    signed = record(folder)
    assert all(signed.serial("issuing", serial, A) for serial in range(more + 1))
    with (folder / "signer.serials").open("ab") as file:
        file.write(os.urandom(torn))
    again = record(folder)
    assert not any(again.serial("issuing", serial, B) for serial in range(more + 1))
    assert again.serial("issuing", 1000, A)
    assert not record(folder).serial("issuing", 1000, B)


@pytest.mark.parametrize("octets", [b"", b"something else\n", b"x" * 480])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "signer.approved").write_bytes(octets)
    with pytest.raises(IntegrityFailed, match="record of what it has signed") as told:
        record(tmp_path)
    assert told.value.place == str(tmp_path / "signer.approved")


def test_what_can_not_be_kept_is_not_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = MemoryKeys()
    key = keys.generate("issuing", KeyRole.ISSUING, "p256")
    guard = Guarded(keys, PREPARES, signed=record(tmp_path))
    real = os.write
    monkeypatch.setattr(module.os, "write", lambda file, octets: real(file, octets[:20]))
    with pytest.raises(OSError, match="No space"):
        guard.sign("issuing", Purpose.CERTIFICATE, certificate(key, 1))
    monkeypatch.undo()
    assert guard.sign("issuing", Purpose.CERTIFICATE, certificate(key, 2))
    again = Guarded(keys, PREPARES, signed=record(tmp_path))
    with pytest.raises(SigningRefused):
        again.sign("issuing", Purpose.CERTIFICATE, certificate(key, 2, "another"))
    assert again.sign("issuing", Purpose.CERTIFICATE, certificate(key, 1, "another"))
