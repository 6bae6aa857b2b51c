"""The signer waits for officers: m of n shares open it, new shares replace old ones, and nothing is half done."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ca.signer import activation as module
from ca.signer import passphrase
from ca.signer.activation import Activation
from ca.signer.backends import Backend, Backends, Place, Secrets
from ca.signer.keyfile import KeyFileSigner
from ca.signer.model import KeyInfo, KeyRole, NotActivated, Purpose
from ca.signer.shares import Share, ShareRefused
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, NotPermitted
from tests.contract.test_signer import attributes

OFFICERS = {"usr_wang": "王建国", "usr_li": "李红", "usr_zhao": "赵敏"}
FIRST = Secrets("the pass-phrase of the settings")


@pytest.fixture(autouse=True)
def quick_derivation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "_MEMORY_KIB", 32)
    monkeypatch.setattr(passphrase, "_PASSES", 1)


class Signer:
    """An installation's signer over a key file, that can be started again."""

    def __init__(self, folder: Path, *, hours: float | None = None) -> None:
        self.folder, self.hours = folder, hours
        self.keys_file, self.record = folder / "signer.keys", folder / "signer.activation"
        self.now = self.started()

    def started(self) -> Activation:
        self.now = Activation(self.record, self.opened, FIRST, hours=self.hours)
        return self.now

    def opened(self, secrets: Secrets) -> Backends:
        keys = KeyFileSigner(self.keys_file, secrets.passphrase)
        place = Backend(keys, str(self.keys_file), keys.keys, keys.change_passphrase, keys.close)
        return Backends({Place.FILE: place}, frozenset())

    def handed_out(self, threshold: int = 2, holders: dict[str, str] = OFFICERS) -> dict[str, Share]:
        """A new set, in force. The present holders have agreed already where there are any."""
        made = {account: self.now.collect(account) for account in holders}
        done = [self.now.confirm(account, share) for account, share in made.items()]
        assert done == [False] * (len(holders) - 1) + [True]
        return made


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    made = Signer(tmp_path)
    made.now.generate("evidence", KeyRole.EVIDENCE, "p256")
    return made


@pytest.fixture
def held(signer: Signer) -> dict[str, Share]:
    """Officers hold shares, two of three."""
    signer.now.begin(2, OFFICERS)
    return signer.handed_out()


def signs(activation: Activation) -> bool:
    return bool(activation.sign("evidence", Purpose.EVIDENCE, attributes()))


def test_a_small_installation_starts_with_its_passphrase(signer: Signer) -> None:
    assert signs(signer.started())
    for act in (signer.now.deactivate, signer.now.cancel):
        with pytest.raises(Conflict):
            act()
    with pytest.raises(Conflict, match="no officer holds a share"):
        signer.now.present("usr_li", Share(b"12345678", 1, 2, 2, bytes(32)))


def test_after_a_restart_enough_officers_open_it_one_after_another(
    signer: Signer, held: dict[str, Share]
) -> None:
    assert signs(signer.now)
    waiting = signer.started()
    for act in (waiting.keys, lambda: signs(waiting), lambda: waiting.generate("k", KeyRole.OCSP, "p256")):
        with pytest.raises(NotActivated, match="0 of 2 shares"):
            act()
    assert not waiting.present("usr_zhao", held["usr_zhao"])
    with pytest.raises(NotActivated, match="1 of 2 shares"):
        waiting.keys()
    assert waiting.present("usr_wang", held["usr_wang"])
    assert signs(waiting)
    waiting.deactivate()
    with pytest.raises(NotActivated, match="0 of 2 shares"):
        signs(waiting)
    assert waiting.standing().backends is None


def test_the_passphrase_of_the_settings_opens_nothing_any_more(
    signer: Signer, held: dict[str, Share]
) -> None:
    with pytest.raises(IntegrityFailed):
        KeyFileSigner(signer.keys_file, FIRST.passphrase).keys()
    assert FIRST.passphrase not in signer.record.read_text()
    assert signer.record.stat().st_mode & 0o077 == 0


def test_a_wrong_share_is_told_and_does_not_count(signer: Signer, held: dict[str, Share]) -> None:
    waiting, mine = signer.started(), held["usr_li"]
    with pytest.raises(ShareRefused, match="another set"):
        waiting.present("usr_li", replace(mine, set=b"12345678"))
    with pytest.raises(ShareRefused, match="not the share that was handed out"):
        waiting.present("usr_li", replace(mine, value=bytes(32)))
    with pytest.raises(NotPermitted, match="another officer"):
        waiting.present("usr_wang", mine)
    with pytest.raises(ShareRefused):
        waiting.present("usr_li", replace(mine, number=9))
    assert not waiting.standing().present
    waiting.present("usr_li", mine)
    with pytest.raises(Conflict, match="present already"):
        waiting.present("usr_li", mine)
    with pytest.raises(NotActivated):
        waiting.keys()


def test_shares_that_the_others_do_not_follow_are_forgotten(
    signer: Signer, held: dict[str, Share], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = signer.started()
    waiting.present("usr_li", held["usr_li"])
    later = module.time.monotonic() + 3601
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert not waiting.standing().present
    assert not waiting.present("usr_wang", held["usr_wang"])


def test_it_is_inactive_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(tmp_path, hours=8)
    signer.now.generate("evidence", KeyRole.EVIDENCE, "p256")
    signer.now.begin(2, OFFICERS)
    held = signer.handed_out()
    waiting = signer.started()
    waiting.present("usr_li", held["usr_li"])
    waiting.present("usr_wang", held["usr_wang"])
    left = waiting.standing().seconds_left
    assert left is not None
    assert 8 * 3600 - 5 < left <= 8 * 3600
    later = module.time.monotonic() + 8 * 3600 + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    with pytest.raises(NotActivated):
        waiting.keys()


def test_when_an_officer_leaves_the_others_agree_and_the_old_shares_are_worth_nothing(
    signer: Signer, held: dict[str, Share]
) -> None:
    staying = {"usr_wang": "王建国", "usr_li": "李红", "usr_chen": "陈静"}
    signer.now.begin(2, staying)
    with pytest.raises(Conflict, match="have not agreed yet"):
        signer.now.collect("usr_li")
    signer.now.present("usr_wang", held["usr_wang"])
    signer.now.present("usr_li", held["usr_li"])
    with pytest.raises(NotFound):
        signer.now.collect("usr_zhao")
    made = signer.handed_out(holders=staying)
    waiting = signer.started()
    with pytest.raises(ShareRefused, match="another set"):
        waiting.present("usr_zhao", held["usr_zhao"])
    waiting.present("usr_chen", made["usr_chen"])
    waiting.present("usr_li", made["usr_li"])
    assert signs(waiting)


def test_nothing_changes_until_every_new_holder_has_confirmed(signer: Signer, held: dict[str, Share]) -> None:
    signer.now.begin(2, OFFICERS)
    signer.now.present("usr_wang", held["usr_wang"])
    signer.now.present("usr_li", held["usr_li"])
    new = signer.now.collect("usr_zhao")
    assert not signer.now.confirm("usr_zhao", new)
    with pytest.raises(ShareRefused):
        signer.now.confirm("usr_li", replace(signer.now.collect("usr_li"), value=bytes(32)))
    with pytest.raises(NotPermitted):
        signer.now.confirm("usr_li", new)
    waiting = signer.started()  # the power fails
    waiting.present("usr_wang", held["usr_wang"])
    waiting.present("usr_zhao", held["usr_zhao"])
    assert signs(waiting)
    with pytest.raises(Conflict):
        waiting.collect("usr_zhao")


def test_new_shares_can_be_dropped(signer: Signer, held: dict[str, Share]) -> None:
    signer.now.begin(3, OFFICERS)
    signer.now.cancel()
    assert signer.now.standing().new is None
    assert signer.started().standing().plan is not None
    with pytest.raises(Invalid, match="not possible"):
        Signer(signer.folder / "other").now.begin(4, OFFICERS)


class PowerFails(BaseException):
    """Nothing more is done."""


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_power_that_fails_while_shares_are_exchanged_loses_no_key(
    signer: Signer, held: dict[str, Share], monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Three files are replaced in turn: record, key file, record. After each of them it may be over."""
    from ca.signer import keyfile, record

    signer.now.begin(2, OFFICERS)
    signer.now.present("usr_wang", held["usr_wang"])
    signer.now.present("usr_li", held["usr_li"])
    new = {account: signer.now.collect(account) for account in OFFICERS}
    signer.now.confirm("usr_wang", new["usr_wang"])
    signer.now.confirm("usr_li", new["usr_li"])
    real, left = record.write_private, [writes]

    def failing(path: Path, data: bytes) -> None:
        if not left[0]:
            raise PowerFails
        left[0] -= 1
        real(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(record, "write_private", failing)
        patched.setattr(keyfile, "write_private", failing)
        with pytest.raises(PowerFails):
            signer.now.confirm("usr_zhao", new["usr_zhao"])
    valid = held if writes == 0 else new
    waiting = signer.started()
    assert not waiting.present("usr_li", valid["usr_li"])
    assert waiting.present("usr_zhao", valid["usr_zhao"])
    assert signs(waiting)
    assert len(module.Record(signer.record).plan().holders) == 3
    again = signer.started()  # and what was interrupted is finished for good
    again.present("usr_wang", valid["usr_wang"])
    again.present("usr_zhao", valid["usr_zhao"])
    assert signs(again)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"threshold": 1},
        lambda content: content | {"holders": content["holders"][:2]},
        lambda content: content | {"sealed": content["sealed"][::-1]},
        lambda content: {name: value for name, value in content.items() if name != "nonce"},
    ],
)
def test_an_edited_activation_file_opens_nothing(
    signer: Signer, held: dict[str, Share], change: object
) -> None:
    content = json.loads(signer.record.read_text())
    signer.record.write_text(json.dumps(change(content)))  # type: ignore[operator]
    waiting = signer.started()
    with pytest.raises(IntegrityFailed, match="activation file"):
        for account in ("usr_wang", "usr_li"):
            waiting.present(account, held[account])
    with pytest.raises(NotActivated):
        signs(waiting)


def test_a_key_file_of_another_time_is_told_and_not_used(signer: Signer, held: dict[str, Share]) -> None:
    signer.keys_file.write_bytes(signer.keys_file.read_bytes()[:-40])
    waiting = signer.started()
    waiting.present("usr_wang", held["usr_wang"])
    waiting.present("usr_li", held["usr_li"])
    with pytest.raises(IntegrityFailed, match="key file can not be opened"):
        signs(waiting)


def test_the_keys_stay_the_same_under_new_shares(signer: Signer) -> None:
    before = list[KeyInfo](signer.now.keys())
    signer.now.begin(2, OFFICERS)
    signer.handed_out()
    assert list(signer.now.keys()) == before
