"""Accounts, sign-in and the three-way separation, as their users meet them."""

from itertools import combinations

import pytest

from kernel.audit.trail import AuditTrail
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted, Unauthenticated
from kernel.identity.access import Access
from kernel.identity.model import INCOMPATIBLE, Role, UserState, clashes
from kernel.identity.passwords import totp_code
from kernel.identity.permissions import APPROVING, ROLE_PERMISSIONS, Permission
from kernel.identity.service import THREE_ADMINISTRATORS, NewAccount
from kernel.identity.sign_in import SignInRules
from kernel.identity.store import users
from kernel.store.listing import Ask
from tests.support.certificates import personal_certificate
from tests.unit.kernel.conftest import World, on_both


@on_both
def test_set_up_makes_three_people_once(world: World, three: dict[Role, NewAccount]) -> None:
    for role, account in three.items():
        assert world.enter(account).roles == {role}
    with pytest.raises(Conflict, match="set up already"):
        world.service.set_up("again", dict.fromkeys(THREE_ADMINISTRATORS, ("x", "x")))


@on_both
def test_a_new_person_needs_two_administrators_to_come_into_power(
    world: World, three: dict[Role, NewAccount]
) -> None:
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    with pytest.raises(NotPermitted):
        world.service.create_user(officer, "li.si", "李四", "u_city")
    account = world.service.create_user(sysadmin, "li.si", "李四", "u_city")
    with pytest.raises(NotPermitted):
        world.service.grant_roles(sysadmin, "li.si", [Role.REGISTRAR])
    world.service.grant_roles(officer, "li.si", [Role.REGISTRAR])
    assert world.enter(account).roles == {Role.REGISTRAR}


@on_both
def test_nobody_holds_two_of_the_three(world: World, three: dict[Role, NewAccount]) -> None:
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    world.service.create_user(sysadmin, "li.si", "李四", "u_city")
    for pair in combinations(THREE_ADMINISTRATORS, 2):
        with pytest.raises(Conflict, match="exclude one another"):
            world.service.grant_roles(officer, "li.si", pair)
    with pytest.raises(Conflict, match="their own roles"):
        world.service.grant_roles(officer, "admin1", [Role.SECURITY_OFFICER, Role.REGISTRAR])


def test_the_auditor_and_the_assessor_do_nobody_elses_work() -> None:
    for alone in (Role.AUDITOR, Role.ASSESSOR):
        for other in set(Role) - {alone}:
            assert frozenset((alone, other)) in INCOMPATIBLE
            assert clashes(frozenset((alone, other)))


def test_no_role_of_the_system_administrator_approves_and_every_permission_has_an_owner() -> None:
    assert not ROLE_PERMISSIONS[Role.SYSTEM_ADMINISTRATOR] & APPROVING
    acts = {permission.rpartition(":")[2] for permission in ROLE_PERMISSIONS[Role.AUDITOR]}
    assert acts == {"read", "verify", "check", "export", "ask"}, "an auditor looks, and changes nothing"
    assert set(Permission) == set().union(*ROLE_PERMISSIONS.values())


@on_both
def test_wrong_password_wrong_code_and_unknown_login_look_the_same(
    world: World, three: dict[Role, NewAccount]
) -> None:
    account = three[Role.SYSTEM_ADMINISTRATOR]
    code = totp_code(account.totp_secret, world.clock.now().timestamp())
    attempts = [("admin0", "wrong", code), ("admin0", account.password, "000000"), ("nobody", "wrong", code)]
    said = set()
    for login, password, given in attempts:
        with pytest.raises(Unauthenticated) as failure:
            world.sign_in.with_password(login, password, given)
        said.add(failure.value.text("zh_CN"))
    assert len(said) == 1


@on_both
def test_a_one_time_code_works_once(world: World, three: dict[Role, NewAccount]) -> None:
    account = three[Role.SYSTEM_ADMINISTRATOR]
    code = totp_code(account.totp_secret, world.clock.now().timestamp())
    world.sign_in.with_password("admin0", account.password, code)
    with pytest.raises(Unauthenticated):
        world.sign_in.with_password("admin0", account.password, code)


@on_both
def test_five_failures_lock_the_account_and_only_time_or_an_administrator_opens_it(
    world: World, three: dict[Role, NewAccount]
) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    victim = three[Role.SECURITY_OFFICER]
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            world.sign_in.with_password(victim.user.login, "wrong", "000000")
    with pytest.raises(Unauthenticated):
        world.enter(victim)
    world.service.unlock(sysadmin, victim.user.login)
    assert world.enter(victim).name == victim.user.name


@on_both
def test_a_session_ends_by_idleness_sign_out_or_disabling(
    world: World, three: dict[Role, NewAccount]
) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    account = three[Role.AUDITOR]

    def open_session() -> str:
        world.clock.advance(seconds=31)
        code = totp_code(account.totp_secret, world.clock.now().timestamp())
        return world.sign_in.with_password(account.user.login, account.password, code).token

    idle = open_session()
    world.clock.advance(minutes=10)
    assert world.sign_in.principal(idle).name == account.user.name
    world.clock.advance(minutes=16)
    left = open_session()
    world.sign_in.sign_out(left)
    disabled = open_session()
    world.service.set_state(sysadmin, account.user.login, UserState.DISABLED, "left the bureau")
    for token in (idle, left, disabled, "made-up"):
        with pytest.raises(Unauthenticated):
            world.sign_in.principal(token)


@on_both
def test_a_revoked_certificate_opens_no_session_and_ends_the_open_one(
    world: World, three: dict[Role, NewAccount]
) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    certificate = personal_certificate("admin1")
    world.service.bind_certificate(sysadmin, "admin1", certificate)
    token = world.sign_in.with_certificate(certificate).token
    assert world.sign_in.principal(token).method == "certificate"
    with pytest.raises(Unauthenticated):
        world.sign_in.with_certificate(b"another")
    world.certificates.revoked.add(certificate)
    with pytest.raises(Unauthenticated):
        world.sign_in.principal(token)
    with pytest.raises(Unauthenticated):
        world.sign_in.with_certificate(certificate)


@on_both
def test_nobody_becomes_another_by_binding_a_certificate_of_their_own(
    world: World, three: dict[Role, NewAccount]
) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    mine = personal_certificate("admin0")
    for wrong in (mine, personal_certificate(""), b"no certificate"):
        with pytest.raises(Invalid):
            world.service.bind_certificate(sysadmin, "admin1", wrong)
    with pytest.raises(Unauthenticated):
        world.sign_in.with_certificate(mine)


@on_both
def test_an_account_past_its_end_has_no_session_any_more(world: World, three: dict[Role, NewAccount]) -> None:
    account = three[Role.AUDITOR]
    code = totp_code(account.totp_secret, world.clock.now().timestamp())
    token = world.sign_in.with_password(account.user.login, account.password, code).token
    with world.database.begin() as uow:
        ends = users.update().where(users.c.id == account.user.id)
        uow.execute(ends.values(expires_at=world.clock.now()))
    with pytest.raises(Unauthenticated):
        world.sign_in.principal(token)


@on_both
def test_sessions_of_other_units_are_not_there(world: World, three: dict[Role, NewAccount]) -> None:
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    world.service.create_unit(sysadmin, "u_a", "u_city", "甲单位")
    local = world.service.create_user(sysadmin, "li.si", "李四", "u_a")
    world.service.grant_roles(officer, "li.si", [Role.SYSTEM_ADMINISTRATOR])
    me = world.enter(local)
    assert {one.login for one in world.sessions.page(me, Ask()).items} == {"li.si"}
    (theirs,) = world.sessions.page(officer, Ask()).items
    with pytest.raises(NotFound):
        world.sessions.end(me, theirs.session.id, "mischief")
    assert world.sessions.get(officer, theirs.session.id) == theirs
    assert len(world.sessions.page(sysadmin, Ask(filters={"user": (officer.id, me.id)})).items) == 2
    world.sessions.end(sysadmin, theirs.session.id, "left the desk")
    assert world.sessions.page(officer, Ask()).items == ()


@on_both
def test_changing_a_password(world: World, three: dict[Role, NewAccount]) -> None:
    account = three[Role.SYSTEM_ADMINISTRATOR]
    me = world.enter(account)
    for bad in ("short1!A", "alllowercaseletters", "Admin0-is-my-login"):
        with pytest.raises(Invalid):
            world.sign_in.change_password(me, account.password, bad)
    world.sign_in.change_password(me, account.password, "Wan-li-chang-cheng-2026")
    assert world.enter(account, password="Wan-li-chang-cheng-2026").id == me.id
    with pytest.raises(Unauthenticated):
        world.enter(account)


@on_both
def test_units_bound_what_one_sees(world: World, three: dict[Role, NewAccount]) -> None:
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    for unit in ("u_a", "u_b"):
        world.service.create_unit(sysadmin, unit, "u_city", f"单位 {unit}")
    account = world.service.create_user(sysadmin, "li.si", "李四", "u_a")
    world.service.grant_roles(officer, "li.si", [Role.NETWORK_ADMINISTRATOR])
    local = world.enter(account)
    access = Access(world.database)
    access.require(local, Permission.ASSET_READ, unit="u_a")
    for outside in ("u_b", "u_city", "u_nowhere"):
        with pytest.raises(NotPermitted):
            access.require(local, Permission.ASSET_READ, unit=outside)
    assert [unit.id for unit in world.service.units(local)] == ["u_a"]


@on_both
def test_everything_is_audited_and_no_secret_is(world: World, three: dict[Role, NewAccount]) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    made = world.service.create_user(sysadmin, "li.si", "李四", "u_city")
    auditor = world.enter(three[Role.AUDITOR])
    trail = AuditTrail(world.database, Access(world.database))
    records = trail.page(auditor, Ask(limit=500)).items
    text = str(records)
    for account in (*three.values(), made):
        assert account.password not in text
        assert account.totp_secret not in text
    assert {"identity:suite:set-up", "identity:user:create", "identity:session:sign-in"} <= {
        record.action for record in records
    }
    assert trail.verify(auditor).intact


@on_both
def test_an_open_session_is_no_place_to_guess_the_password(
    world: World, three: dict[Role, NewAccount]
) -> None:
    account = three[Role.AUDITOR]
    me = world.enter(account)
    for _ in range(SignInRules().lock_after):
        with pytest.raises(Invalid):
            world.sign_in.change_password(me, "a wrong guess", "Wan-li-chang-cheng-2026")
    with pytest.raises(Invalid):  # locked: the right one is not told from a wrong one
        world.sign_in.change_password(me, account.password, "Wan-li-chang-cheng-2026")
    trail = AuditTrail(world.database, Access(world.database))
    failed = trail.page(me, Ask().narrowed(outcome="failure")).items
    assert len(failed) == SignInRules().lock_after + 1
