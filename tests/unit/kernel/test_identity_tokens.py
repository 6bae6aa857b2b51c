"""Tokens: a program never does what its owner may not, never approves, and stops on the day."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kernel.audit.trail import AuditTrail
from kernel.errors import Conflict, Invalid, LimitExceeded, NotFound, NotPermitted, Unauthenticated
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal, Role, UserState
from kernel.identity.permissions import APPROVING, Permission, permissions_of
from kernel.identity.service import NewAccount
from kernel.identity.store import tokens as table
from kernel.identity.tokens import MOST, PREFIX, NewToken, state_of
from kernel.store.listing import Ask
from tests.unit.kernel.conftest import World, on_both

SCOPE = frozenset({Permission.IDENTITY_READ, Permission.JOB_READ})


@pytest.fixture
def sysadmin(world: World, three: dict[Role, NewAccount]) -> Principal:
    return world.enter(three[Role.SYSTEM_ADMINISTRATOR])


@pytest.fixture
def officer(world: World, three: dict[Role, NewAccount]) -> Principal:
    return world.enter(three[Role.SECURITY_OFFICER])


def make(world: World, owner: Principal, scope: frozenset[Permission] = SCOPE, days: int = 30) -> NewToken:
    until = world.clock.now() + timedelta(days=days)
    return world.tokens.create(owner, "夜间报表", scope, owner.unit, until)


@on_both
def test_a_token_does_what_it_was_made_for_in_its_owners_name_and_nothing_else(
    world: World, sysadmin: Principal
) -> None:
    program = world.tokens.principal(make(world, sysadmin).secret)
    assert (program.id, program.name, program.method) == (sysadmin.id, sysadmin.name, "token")
    assert len(world.service.page(program, Ask()).items) == 3
    with pytest.raises(NotPermitted):
        world.service.create_user(program, "li.si", "李四", "u_city")
    access = Access(world.database)
    assert access.permissions(program) == SCOPE
    assert not access.allows(program, Permission.HEALTH_READ)


def test_a_token_loses_what_its_owner_loses(
    world: World, three: dict[Role, NewAccount], sysadmin: Principal, officer: Principal
) -> None:
    owner = world.service.create_user(sysadmin, "li.si", "李四", "u_city")
    world.service.grant_roles(officer, "li.si", [Role.NETWORK_ADMINISTRATOR])
    program = make(world, world.enter(owner), frozenset({Permission.ASSET_WRITE, Permission.JOB_READ}))
    world.service.grant_roles(officer, "li.si", [Role.SOC_ANALYST])
    assert Access(world.database).permissions(world.tokens.principal(program.secret)) == {Permission.JOB_READ}


def test_nobody_makes_a_token_for_more_than_they_hold(world: World, sysadmin: Principal) -> None:
    with pytest.raises(NotPermitted):
        make(world, sysadmin, frozenset({Permission.AUDIT_READ}))
    with pytest.raises(NotPermitted):
        world.tokens.create(sysadmin, "x", SCOPE, "u_elsewhere", world.clock.now() + timedelta(days=1))


@pytest.mark.parametrize("permission", sorted(APPROVING))
def test_no_token_approves_whoever_owns_it(world: World, officer: Principal, permission: Permission) -> None:
    with pytest.raises(Invalid, match="No token approves"):
        make(world, officer, frozenset({permission}))


def test_four_eyes_are_two_people_not_a_person_and_their_program(
    world: World, sysadmin: Principal, officer: Principal
) -> None:
    approvals = Approvals(world.clock, Access(world.database))
    program = world.tokens.principal(make(world, officer, frozenset({Permission.EVIDENCE_READ})).secret)
    for asker, decider in ((officer, program), (sysadmin, program), (program, officer)):
        with world.database.begin() as uow:
            case = approvals.open(
                uow,
                kind="test",
                subject="x",
                title="x",
                digest="0" * 64,
                requested_by=asker,
                permission=Permission.EVIDENCE_READ,
            )
        with pytest.raises(NotPermitted), world.database.begin() as uow:
            approvals.decide(uow, case.id, decider, approve=True)


def test_a_token_makes_no_token(world: World, sysadmin: Principal) -> None:
    program = world.tokens.principal(make(world, sysadmin).secret)
    with pytest.raises(NotPermitted, match="person who is signed in"):
        make(world, program)


def test_a_token_neither_sees_nor_ends_what_is_its_owners_own(
    world: World, sysadmin: Principal, officer: Principal
) -> None:
    made = make(world, officer, frozenset({Permission.EVIDENCE_READ}))
    program, (session,) = world.tokens.principal(made.secret), world.sessions.page(officer, Ask()).items
    assert world.sessions.page(program, Ask()).items == ()
    assert world.tokens.page(program, Ask()).items == ()
    with pytest.raises(NotFound):
        world.sessions.end(program, session.session.id, "mischief")
    with pytest.raises(NotFound):
        world.tokens.revoke(program, made.token.id, "mischief")


def test_a_token_of_a_lower_unit_sees_that_unit_alone(world: World, sysadmin: Principal) -> None:
    world.service.create_unit(sysadmin, "u_a", "u_city", "甲县")
    until = world.clock.now() + timedelta(days=1)
    program = world.tokens.principal(world.tokens.create(sysadmin, "甲", SCOPE, "u_a", until).secret)
    assert world.service.page(program, Ask()).items == ()
    assert [unit.id for unit in world.service.units(program)] == ["u_a"]


@on_both
def test_a_token_ends_on_its_day_by_revocation_and_with_its_owner(
    world: World, three: dict[Role, NewAccount], sysadmin: Principal, officer: Principal
) -> None:
    short, revoked, of_officer = (
        make(world, sysadmin, days=1),
        make(world, sysadmin),
        make(world, officer, frozenset({Permission.EVIDENCE_READ})),
    )
    world.tokens.revoke(sysadmin, revoked.token.id, "no longer needed")
    with pytest.raises(Conflict):
        world.tokens.revoke(sysadmin, revoked.token.id, "again")
    world.service.set_state(sysadmin, three[Role.SECURITY_OFFICER].user.login, UserState.DISABLED, "left")
    world.clock.advance(days=1)
    for ended in (short, revoked, of_officer):
        with pytest.raises(Unauthenticated):
            world.tokens.principal(ended.secret)
    states = {state_of(token, world.clock.now()) for token in world.tokens.page(sysadmin, Ask()).items}
    assert states == {"active", "expired", "revoked"}


@pytest.mark.parametrize(("days", "name", "scope"), [(367, "x", SCOPE), (0, "x", SCOPE), (-1, "x", SCOPE)])
def test_a_token_has_an_end_within_a_year(
    world: World, sysadmin: Principal, days: int, name: str, scope: frozenset[Permission]
) -> None:
    with pytest.raises(Invalid, match="A token ends"):
        world.tokens.create(sysadmin, name, scope, "u_city", world.clock.now() + timedelta(days=days))


def test_a_token_without_name_or_purpose_is_refused(world: World, sysadmin: Principal) -> None:
    until = world.clock.now() + timedelta(days=1)
    for name, scope in (("", SCOPE), (" ", SCOPE), ("x" * 101, SCOPE), ("x", frozenset[Permission]())):
        with pytest.raises(Invalid):
            world.tokens.create(sysadmin, name, scope, "u_city", until)


@on_both
def test_one_person_has_only_so_many_and_those_that_ended_do_not_count(
    world: World, sysadmin: Principal
) -> None:
    for _ in range(MOST):
        last = make(world, sysadmin)
    with pytest.raises(LimitExceeded):
        make(world, sysadmin)
    world.tokens.revoke(sysadmin, last.token.id, "one too many")
    make(world, sysadmin)


@on_both
def test_one_sees_ones_own_and_the_administrator_those_of_the_units(
    world: World, sysadmin: Principal, officer: Principal
) -> None:
    mine, other = make(world, sysadmin), make(world, officer, frozenset({Permission.EVIDENCE_READ}))
    assert [token.id for token in world.tokens.page(officer, Ask()).items] == [other.token.id]
    assert {token.id for token in world.tokens.page(sysadmin, Ask()).items} == {mine.token.id, other.token.id}
    for act in (world.tokens.get, lambda who, which: world.tokens.revoke(who, which, "not mine")):
        with pytest.raises(NotFound):
            act(officer, mine.token.id)
    world.tokens.revoke(sysadmin, other.token.id, "found in a public place")


@on_both
def test_the_list_is_filtered_by_state_and_found_by_name(world: World, sysadmin: Principal) -> None:
    made = make(world, sysadmin)
    world.tokens.revoke(sysadmin, make(world, sysadmin).token.id, "not needed")
    active = world.tokens.page(sysadmin, Ask(text="报表", filters={"state": ("active",)}))
    assert [token.id for token in active.items] == [made.token.id]
    assert world.tokens.page(sysadmin, Ask(filters={"state": ("unheard-of",)})).items == ()


def test_the_suite_keeps_no_token_and_the_trail_tells_the_program_from_the_person(
    world: World, three: dict[Role, NewAccount], sysadmin: Principal
) -> None:
    made = make(world, sysadmin, frozenset({Permission.IDENTITY_USER_WRITE}))
    world.service.create_user(world.tokens.principal(made.secret), "li.si", "李四", "u_city")
    with world.database.read() as connection:
        assert made.secret not in str(connection.execute(select(table)).all())
    trail = AuditTrail(world.database, Access(world.database))
    records = trail.page(world.enter(three[Role.AUDITOR]), Ask(limit=500)).items
    assert made.secret not in str(records)
    created = next(r for r in records if r.target == "user:li.si")
    assert (created.actor, created.details["token"]) == (sysadmin.id, made.token.id)
    assert "token" not in next(r for r in records if r.action == "identity:token:create").details


def test_when_a_token_was_used_is_seen(world: World, sysadmin: Principal) -> None:
    made = make(world, sysadmin)
    world.tokens.principal(made.secret)
    assert world.tokens.get(sysadmin, made.token.id).last_used_at == world.clock.now()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.one_of(st.text(max_size=80), st.from_regex(rf"{PREFIX}[A-Za-z0-9_-]{{40,46}}", fullmatch=True)))
def test_any_other_text_is_no_token(world: World, raw: str) -> None:
    with pytest.raises(Unauthenticated):
        world.tokens.principal(raw)


@pytest.mark.parametrize("role", list(Role))
@settings(max_examples=30)
@given(data=st.data())
def test_a_token_of_any_scope_holds_no_more_than_the_role_and_never_approves(
    role: Role, data: st.DataObject
) -> None:
    scope = frozenset(data.draw(st.sets(st.sampled_from(sorted(Permission)))))
    held = Access(None).permissions(  # type: ignore[arg-type]  # permissions are asked of nobody
        Principal("usr_1", "x", frozenset({role}), "u_city", "token", scope)
    )
    assert held <= permissions_of(frozenset({role})) & scope
    assert not held & APPROVING
