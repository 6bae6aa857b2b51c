"""Which approvals wait for whom: the home page's first question."""

import pytest

from kernel.errors import NotPermitted
from kernel.identity.approvals import Approvals
from kernel.identity.model import Approval, Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask

GRANT = Permission.IDENTITY_ROLE_GRANT


def opened(database: Database, approvals: Approvals, by: Principal, unit: str | None = None) -> Approval:
    with database.begin() as uow:
        return approvals.open(
            uow, kind="role", subject="user:x", digest="0" * 64, requested_by=by, permission=GRANT, unit=unit
        )


def waiting(database: Database, approvals: Approvals, who: Principal) -> list[str]:
    with database.read() as connection:
        found = approvals.page(connection, who, Ask(filters={"mine": ("decide",)})).items
        assert approvals.waiting(connection, who) == len(found)
        return [case.approval.id for case in found]


def test_it_waits_for_colleagues_with_the_permission_and_not_for_who_asked(
    database: Database,
    approvals: Approvals,
    officer: Principal,
    second_officer: Principal,
    analyst: Principal,
) -> None:
    approval = opened(database, approvals, officer)
    assert waiting(database, approvals, second_officer) == [approval.id]
    assert waiting(database, approvals, officer) == []
    assert waiting(database, approvals, analyst) == []


def test_once_decided_it_waits_for_nobody(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    approval = opened(database, approvals, officer)
    with database.begin() as uow:
        approvals.decide(uow, approval.id, second_officer, approve=True)
    assert waiting(database, approvals, second_officer) == []


def test_who_has_approved_already_is_not_asked_again(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    with database.begin() as uow:
        approval = approvals.open(
            uow, kind="role", subject="x", digest="0" * 64, requested_by=officer, permission=GRANT, needed=2
        )
        approvals.decide(uow, approval.id, second_officer, approve=True)
    third = Principal("usr_third", "third", second_officer.roles, "u_city", "password")
    assert waiting(database, approvals, second_officer) == []
    assert waiting(database, approvals, third) == [approval.id]


def test_it_waits_only_in_the_units_below(
    database: Database, approvals: Approvals, officer: Principal, second_officer: Principal
) -> None:
    county = Principal("usr_county", "county", second_officer.roles, "u_county", "password")
    inside = opened(database, approvals, officer, unit="u_county")
    opened(database, approvals, officer, unit="u_other")
    assert waiting(database, approvals, county) == [inside.id]
    assert len(waiting(database, approvals, second_officer)) == 2


def test_no_part_of_the_suite_approves_whatever_the_permission(
    database: Database, approvals: Approvals, officer: Principal
) -> None:
    held_by_the_worker_too = Permission.CA_REVOKE
    with database.begin() as uow:
        approval = approvals.open(
            uow,
            kind="x",
            subject="x",
            digest="0" * 64,
            requested_by=officer,
            permission=held_by_the_worker_too,
        )
    with pytest.raises(NotPermitted), database.begin() as uow:
        approvals.decide(uow, approval.id, Principal.system("worker"), approve=True)
