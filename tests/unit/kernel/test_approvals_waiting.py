"""Which approvals wait for whom: the home page's first question."""

from pathlib import Path

import pytest

from kernel.errors import NotPermitted
from kernel.identity.access import Access
from kernel.identity.accounts import SqlAccounts
from kernel.identity.approvals import Approvals
from kernel.identity.four_eyes import FourEyes
from kernel.identity.model import Approval, Principal
from kernel.identity.passwords import Passwords
from kernel.identity.permissions import Permission
from kernel.identity.service import IdentityService
from kernel.secrets import SecretBox
from kernel.store import Database
from kernel.store.listing import Ask

GRANT = Permission.IDENTITY_ROLE_GRANT


def opened(database: Database, approvals: Approvals, by: Principal, unit: str | None = None) -> Approval:
    with database.begin() as uow:
        return approvals.open(
            uow,
            kind="role",
            subject="user:x",
            title="x",
            digest="0" * 64,
            requested_by=by,
            permission=GRANT,
            unit=unit,
        )


def four_eyes(database: Database) -> FourEyes:
    access, accounts = Access(database), SqlAccounts()
    box = SecretBox(Path(database.url.removeprefix("sqlite:///")).parent / "box.key")
    identity = IdentityService(database, database.clock, access, accounts, Passwords(), box)
    return FourEyes(database, access, identity)


def waiting(database: Database, who: Principal) -> list[str]:
    desk = four_eyes(database)
    found = desk.page(who, Ask(filters={"mine": ("decide",)})).items
    assert desk.waiting(who) == len(found)
    return [case.approval.id for case in found]


def test_it_waits_for_colleagues_with_the_permission_and_not_for_who_asked(
    database: Database,
    approvals: Approvals,
    officer: Principal,
    second_officer: Principal,
    analyst: Principal,
) -> None:
    approval = opened(database, approvals, officer)
    assert waiting(database, second_officer) == [approval.id]
    assert waiting(database, officer) == []
    assert waiting(database, analyst) == []


def test_once_decided_it_waits_for_nobody(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    approval = opened(database, approvals, officer)
    with database.begin() as uow:
        approvals.decide(uow, approval.id, second_officer, approve=True)
    assert waiting(database, second_officer) == []


def test_who_has_approved_already_is_not_asked_again(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    with database.begin() as uow:
        approval = approvals.open(
            uow,
            kind="role",
            subject="x",
            title="x",
            digest="0" * 64,
            requested_by=officer,
            permission=GRANT,
            needed=2,
        )
        approvals.decide(uow, approval.id, second_officer, approve=True)
    third = Principal("usr_third", "third", second_officer.roles, "u_city", "password")
    assert waiting(database, second_officer) == []
    assert waiting(database, third) == [approval.id]


def test_it_waits_only_in_the_units_below(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    county = Principal("usr_county", "county", second_officer.roles, "u_county", "password")
    inside = opened(database, approvals, officer, unit="u_county")
    opened(database, approvals, officer, unit="u_other")
    assert waiting(database, county) == [inside.id]
    assert len(waiting(database, second_officer)) == 2


def test_no_part_of_the_suite_approves_whatever_the_permission(
    database: Database, approvals: Approvals, officer: Principal
) -> None:
    held_by_the_worker_too = Permission.CA_REVOKE
    with database.begin() as uow:
        approval = approvals.open(
            uow,
            kind="x",
            subject="x",
            title="x",
            digest="0" * 64,
            requested_by=officer,
            permission=held_by_the_worker_too,
        )
    with pytest.raises(NotPermitted), database.begin() as uow:
        approvals.decide(uow, approval.id, Principal.system("worker"), approve=True)
