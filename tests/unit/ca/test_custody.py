"""Officers at the signer: who may, what the audit trail keeps, and the way of a share on the command line."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from ca.cli import commands
from ca.signer import passphrase
from ca.signer.control import SignerControl
from ca.signer.custody import Custody
from ca.signer.model import KeyRole, NotActivated, Purpose
from ca.signer.shares import unseal
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.identity.store import user_roles, users
from kernel.store import Database
from kernel.store.listing import Ask
from tests.contract.test_signer import attributes
from tests.support.signer import ControlledSigner

WORDS = {name: f"the own words of {name}" for name in ("wang", "li", "zhao")}


@dataclass
class Custodians:
    """Three officers, a registrar and the signer they look after."""

    custody: Custody
    signer: ControlledSigner
    database: Database
    folder: Path

    @property
    def ca(self) -> "Custodians":
        return self

    def officer(self, name: str) -> Principal:
        return Principal(
            f"usr_{name}", f"officer {name}", frozenset({Role.SECURITY_OFFICER}), "u_city", "password"
        )

    def run(self, name: str, *arguments: str, typed: str = "", status: int = 0) -> Any:
        """A command of this officer at a terminal; what it prints."""
        terminal = Terminal(self, self.officer(name), Output("json"))
        with capture_logs():  # of the signer, which is another process otherwise
            done = CliRunner().invoke(
                commands, ["signer", *arguments], obj=terminal, input=typed, catch_exceptions=False
            )
        assert done.exit_code == status, done.output
        assert all(words not in done.output for words in WORDS.values())
        return json.loads(done.stdout)

    def collected(self, name: str) -> Path:
        file = self.folder / f"{name}.share"
        self.run(name, "shares", "collect", str(file), typed=f"{WORDS[name]}\n{WORDS[name]}\n")
        return file

    def acts(self) -> list[tuple[str, str, str]]:
        """(who, what, how it ended) as the audit trail has it."""
        from kernel.audit.chain import audit_records as records

        with self.database.read() as connection:
            query = records.select().order_by(records.c.seq)
            return [(row.actor, row.action, row.outcome) for row in connection.execute(query)]


@dataclass
class Terminal:
    ca: Custodians
    principal: Principal
    out: Output


@pytest.fixture
def people(
    database: Database, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Custodians:
    monkeypatch.setattr(passphrase, "_MEMORY_KIB", 32)
    monkeypatch.setattr(passphrase, "_PASSES", 1)
    with database.begin() as uow:
        for name, role, state in (
            ("wang", Role.SECURITY_OFFICER, "active"),
            ("li", Role.SECURITY_OFFICER, "active"),
            ("zhao", Role.SECURITY_OFFICER, "active"),
            ("gone", Role.SECURITY_OFFICER, "disabled"),
            ("clerk", Role.REGISTRAR, "active"),
        ):
            account = {"id": f"usr_{name}", "login": name, "name": f"officer {name}", "unit": "u_city"}
            uow.execute(
                users.insert().values(
                    **account, state=state, password_hash="x", totp_step=0, created_at=clock.now()
                )
            )
            uow.execute(user_roles.insert().values(user=account["id"], role=str(role)))
    signer = ControlledSigner(tmp_path / "signer.activation")
    signer.generate("evidence", KeyRole.EVIDENCE, "p256")
    return Custodians(Custody(database, Access(database), SignerControl(signer)), signer, database, tmp_path)


BEGIN = ("shares", "begin", "--threshold", "2", "--reason", "第一次分发")
ALL = ("--officer", "wang", "--officer", "li", "--officer", "zhao")


@pytest.fixture
def held(people: Custodians) -> dict[str, Path]:
    people.run("wang", *BEGIN, *ALL)
    return {name: people.collected(name) for name in ("wang", "li", "zhao")}


def test_shares_from_the_first_to_the_signature(people: Custodians, held: dict[str, Path]) -> None:
    status = people.run("li", "status")
    assert (status["state"], status["shares_needed"], status["holders"]) == (
        "active",
        2,
        ["1 officer wang", "2 officer li", "3 officer zhao"],
    )
    assert people.run("zhao", "deactivate", "--reason", "夜间")["state"] == "waiting"
    assert people.run("li", "keys") == []
    first = people.run("zhao", "activate", str(held["zhao"]), typed=WORDS["zhao"] + "\n")
    assert (first["state"], first["present"], first["holders"][2]) == ("waiting", 1, "3 officer zhao ✓")
    with pytest.raises(NotActivated):
        people.signer.sign("evidence", Purpose.EVIDENCE, attributes())
    second = people.run("wang", "activate", str(held["wang"]), typed=WORDS["wang"] + "\n")
    assert second["state"] == "active"
    assert people.signer.sign("evidence", Purpose.EVIDENCE, attributes())
    assert [key["name"] for key in people.run("li", "keys")] == ["evidence"]


def test_every_act_is_in_the_audit_trail_and_no_share_is(people: Custodians, held: dict[str, Path]) -> None:
    people.run("li", "deactivate", "--reason", "检修")
    for name in ("li", "zhao"):
        people.run(name, "activate", str(held[name]), typed=WORDS[name] + "\n")
    with pytest.raises(Conflict):
        people.run("wang", "activate", str(held["wang"]), typed=WORDS["wang"] + "\n")
    acts = people.acts()
    assert [what for _, what, _ in acts] == [
        "ca:signer:begin-shares",
        *("ca:signer:collect-share", "ca:signer:confirm-share") * 3,
        "ca:signer:renew-shares",
        "ca:signer:deactivate",
        "ca:signer:present-share",
        "ca:signer:present-share",
        "ca:signer:activate",
        "ca:signer:present-share",
    ]
    assert acts[-1] == ("usr_wang", "ca:signer:present-share", "failure")
    value = unseal(held["li"].read_text(), WORDS["li"]).value
    with people.database.read() as connection:
        from kernel.audit.chain import audit_records as records

        told = repr(connection.execute(records.select()).all())
    assert value.hex() not in told
    assert WORDS["li"] not in told


def test_a_share_is_kept_privately_and_can_be_printed(people: Custodians) -> None:
    people.run("wang", *BEGIN, *ALL)
    file, picture = people.folder / "li.share", people.folder / "li.svg"
    words = f"{WORDS['li']}\n{WORDS['li']}\n"
    told = people.run("li", "shares", "collect", str(file), "--qr", str(picture), typed=words)
    assert told["new_shares"] == ["1 officer wang", "2 officer li ✓", "3 officer zhao"]
    assert file.stat().st_mode & 0o077 == picture.stat().st_mode & 0o077 == 0
    assert picture.read_text().startswith("<?xml")


def test_a_mistyped_share_is_told_before_anything_is_presented(
    people: Custodians, held: dict[str, Path]
) -> None:
    people.run("li", "deactivate", "--reason", "检修")
    rows = held["li"].read_text().splitlines()
    rows[3] = rows[3][:-1] + ("A" if rows[3][-1] != "A" else "B")
    (people.folder / "typed").write_text("\n".join(rows))
    with pytest.raises(Invalid, match="Line 2"):
        people.run("li", "activate", str(people.folder / "typed"), typed=WORDS["li"] + "\n")
    with pytest.raises(Invalid, match="pass-phrase"):
        people.run("li", "activate", str(held["li"]), typed="something else\n")
    assert people.run("li", "status")["present"] == 0


def test_nobody_presents_or_collects_for_somebody_else(people: Custodians, held: dict[str, Path]) -> None:
    people.run("li", "deactivate", "--reason", "检修")
    with pytest.raises(NotPermitted, match="another officer"):
        people.run("zhao", "activate", str(held["li"]), typed=WORDS["li"] + "\n")
    assert people.acts()[-1] == ("usr_zhao", "ca:signer:present-share", "failure")


@pytest.mark.parametrize(
    ("officers", "told"),
    [
        (("wang", "clerk"), "clerk is no security officer"),
        (("wang", "gone"), "gone is no security officer"),
        (("wang", "nobody"), "nobody is no security officer"),
        (("wang", "wang"), "2 of 1 shares is not possible"),
        (("wang",), "2 of 1 shares is not possible"),
    ],
)
def test_only_officers_get_shares_and_each_one(
    people: Custodians, officers: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        people.custody.begin(people.officer("wang"), 2, officers, "分发")


def test_programs_registrars_and_other_units_stay_outside(people: Custodians) -> None:
    officer = people.officer("wang")
    for principal in (
        replace(officer, roles=frozenset({Role.REGISTRAR})),
        replace(officer, roles=frozenset({Role.SYSTEM_ADMINISTRATOR})),
        replace(officer, unit="u_county"),
        replace(officer, method="token"),
        Principal.system("worker"),
    ):
        with pytest.raises(NotPermitted):
            people.custody.deactivate(principal, "x")
        with pytest.raises(NotPermitted):
            people.custody.collect(principal)
    assert people.custody.officers(officer) == {
        "li": "officer li",
        "wang": "officer wang",
        "zhao": "officer zhao",
    }


def test_a_signer_that_does_not_run_is_told_and_not_an_error(database: Database, tmp_path: Path) -> None:
    from ca.signer.client import SocketSigner

    control = SignerControl(SocketSigner(tmp_path / "none.sock"))
    custody = Custody(database, Access(database), control)
    officer = Principal("usr_wang", "wang", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
    assert custody.status(officer).state == "absent"
    assert custody.keys(officer, Ask()).items == ()


def test_another_unit_sees_no_signer(people: Custodians) -> None:
    """It signs for every unit; what one may not see is not there, and lists are empty."""
    county = Principal("usr_county", "county", frozenset({Role.SECURITY_OFFICER}), "u_county", "password")
    assert people.custody.seen(county) == ()
    assert people.custody.keys(county, Ask()).items == ()
    with pytest.raises(NotFound):
        people.custody.key(county, "root")
    with pytest.raises(NotPermitted):
        people.custody.status(county)
