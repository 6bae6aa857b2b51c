"""Accounts over their life: first password, reset, end date; who may decide; lists; preferences; too many attempts."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from kernel.audit.trail import AuditTrail
from kernel.errors import Conflict, Invalid, LimitExceeded, NotFound, NotPermitted, Unauthenticated
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import Passwords, totp_code
from kernel.identity.permissions import Permission
from kernel.identity.preferences import LARGEST, MOST, Preferences
from kernel.identity.service import THREE_ADMINISTRATORS, NewAccount
from kernel.identity.sign_in import SignedIn, SignInRules
from kernel.identity.store import users
from kernel.store.listing import Ask
from tests.unit.kernel.conftest import World, on_both

Three = dict[Role, NewAccount]
OWN = "Wan-li-chang-cheng-2026"


def colleague(world: World, three: Three, login: str, *roles: Role, unit: str = "u_city") -> NewAccount:
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    made = world.service.create_user(sysadmin, login, f"同事 {login}", unit)
    world.service.grant_roles(officer, login, roles, "new colleague")
    return made


def open_session(world: World, account: NewAccount, password: str = "", origin: str = "") -> SignedIn:
    code = totp_code(account.totp_secret, world.clock.now().timestamp())
    found = world.sign_in.with_password(account.user.login, password or account.password, code, origin)
    world.clock.advance(seconds=31)
    return found


# --- first password
def test_who_has_a_first_password_may_nothing_but_change_it(world: World, three: Three) -> None:
    account = three[Role.SYSTEM_ADMINISTRATOR]
    opened = open_session(world, account)
    first = opened.principal
    assert first.must_change
    with pytest.raises(NotPermitted):
        world.service.page(first, Ask())
    with pytest.raises(Invalid, match="the old one"):
        world.sign_in.change_password(first, account.password, account.password)
    world.sign_in.change_password(first, account.password, OWN)
    settled = world.sign_in.principal(opened.token)
    assert not settled.must_change
    assert len(world.service.page(settled, Ask()).items) == 3


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(world: World, three: Three) -> None:
    account = three[Role.AUDITOR]
    other, mine = open_session(world, account), open_session(world, account)
    world.sign_in.change_password(mine.principal, account.password, OWN)
    assert world.sign_in.principal(mine.token).id == mine.principal.id
    with pytest.raises(Unauthenticated):
        world.sign_in.principal(other.token)


def test_a_program_changes_no_password(world: World, three: Three) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    until = world.clock.now() + timedelta(days=1)
    made = world.tokens.create(sysadmin, "x", {Permission.IDENTITY_READ}, "u_city", until)
    program = world.tokens.principal(made.secret)
    with pytest.raises(NotPermitted):
        world.sign_in.change_password(program, three[Role.SYSTEM_ADMINISTRATOR].password, OWN)


def test_passwords_are_hashed_as_rfc_9106_asks_of_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argon2.PasswordHasher", PasswordHasher)  # not the tests' quick one
    passwords = Passwords()
    made = passwords.hash(OWN)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.verify(made, OWN)
    assert not passwords.outdated(made)
    assert passwords.outdated(PasswordHasher(time_cost=2).hash(OWN))


def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(world: World, three: Three) -> None:
    account = three[Role.AUDITOR]
    mine = users.c.login == account.user.login
    weak = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(account.password)
    with world.database.begin() as uow:
        uow.execute(update(users).where(mine).values(password_hash=weak))
    open_session(world, account)
    with world.database.read() as connection:
        now = connection.execute(select(users.c.password_hash, users.c.must_change).where(mine)).one()
    assert now.password_hash != weak
    assert now.must_change  # the same password: still somebody else's
    open_session(world, account)


# --- sessions
def test_what_a_page_asks_by_itself_keeps_no_session_alive(world: World, three: Three) -> None:
    opened, rules = open_session(world, three[Role.AUDITOR]), SignInRules()
    ends = rules.ends_at(opened.session)
    world.clock.advance(minutes=10)
    assert rules.ends_at(world.sign_in.resume(opened.token, active=False).session) == ends
    assert rules.ends_at(world.sign_in.resume(opened.token).session) > ends
    world.clock.advance(minutes=10)
    world.sign_in.resume(opened.token, active=False)
    world.clock.advance(minutes=6)
    with pytest.raises(Unauthenticated):
        world.sign_in.resume(opened.token, active=False)


def test_a_session_ends_at_the_latest_after_its_longest_time(world: World, three: Three) -> None:
    opened, rules = open_session(world, three[Role.AUDITOR]), SignInRules()
    for _ in range(int(rules.longest / timedelta(minutes=10)) - 1):
        world.clock.advance(minutes=10)
        last = world.sign_in.resume(opened.token).session
    assert rules.ends_at(last) == opened.session.expires_at
    world.clock.advance(minutes=10)
    with pytest.raises(Unauthenticated):
        world.sign_in.resume(opened.token)


# --- too many attempts
@on_both
def test_an_address_that_fails_too_often_waits_and_others_do_not(world: World, three: Three) -> None:
    rules = SignInRules()
    for number in range(rules.origin_failures):
        with pytest.raises(Unauthenticated):
            world.sign_in.with_password(f"guess{number}", "Spring2026!", "000000", "10.1.1.1")
    account = three[Role.AUDITOR]
    with pytest.raises(LimitExceeded) as refused:
        open_session(world, account, origin="10.1.1.1")
    assert 0 < refused.value.params["seconds"] <= rules.lock_for.total_seconds() + 1
    with pytest.raises(LimitExceeded):
        world.sign_in.with_certificate(b"any", "10.1.1.1")
    assert open_session(world, account, origin="10.1.1.2").principal.name == account.user.name
    world.clock.advance(seconds=refused.value.params["seconds"])
    assert open_session(world, account, origin="10.1.1.1").principal.name == account.user.name


def test_the_many_addresses_of_one_machine_are_one_place(world: World, three: Three) -> None:
    for number in range(SignInRules().origin_failures):
        with pytest.raises(Unauthenticated):
            world.sign_in.with_password("guess", "x", "000000", f"2001:db8::{number:x}")
    with pytest.raises(LimitExceeded):
        open_session(world, three[Role.AUDITOR], origin="2001:db8::ffff")
    open_session(world, three[Role.AUDITOR], origin="2001:db8:0:1::1")


def test_failures_of_long_ago_are_forgotten(world: World, three: Three) -> None:
    rules = SignInRules()
    for number in range(rules.origin_failures * 2):
        with pytest.raises(Unauthenticated):
            world.sign_in.with_password(f"guess{number}", "x", "000000", "10.1.1.1")
        world.clock.advance(seconds=rules.lock_for.total_seconds() / (rules.origin_failures - 1))
    assert open_session(world, three[Role.AUDITOR], origin="10.1.1.1").session.origin == "10.1.1.1"


# --- reset, end date
@on_both
def test_a_reset_gives_new_secrets_and_ends_everything_the_old_ones_opened(
    world: World, three: Three
) -> None:
    account = colleague(world, three, "li.si", Role.REGISTRAR)
    sysadmin, me = world.enter(three[Role.SYSTEM_ADMINISTRATOR]), world.enter(account)
    until = world.clock.now() + timedelta(days=1)
    token = world.tokens.create(me, "x", {Permission.CA_READ}, "u_city", until)
    renewed = world.service.reset(sysadmin, "li.si", "lost the phone")
    with pytest.raises(Unauthenticated):
        world.tokens.principal(token.secret)
    with pytest.raises(Unauthenticated):
        open_session(world, account)
    again = open_session(world, renewed).principal
    assert again.must_change
    assert world.sessions.page(again, Ask()).total == 1


def test_whoever_resets_an_account_can_not_act_as_its_owner(world: World, three: Three) -> None:
    """Both secrets pass through the administrator's hands: without the security officer they open nothing."""
    colleague(world, three, "li.si", Role.SECURITY_OFFICER)
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    stolen = world.enter(world.service.reset(sysadmin, "li.si", "claims to have lost the phone"))
    assert stolen.roles == frozenset()
    assert Access(world.database).permissions(stolen) == frozenset()


def test_who_alone_can_grant_roles_is_not_reset_and_nobody_resets_themselves(
    world: World, three: Three
) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    with pytest.raises(Conflict, match="only one who grants"):
        world.service.reset(sysadmin, three[Role.SECURITY_OFFICER].user.login, "x")
    with pytest.raises(Conflict, match="their own account"):
        world.service.reset(sysadmin, three[Role.SYSTEM_ADMINISTRATOR].user.login, "x")
    with pytest.raises(NotPermitted):
        world.service.reset(world.enter(three[Role.SECURITY_OFFICER]), "admin2", "x")
    assert world.service.account(sysadmin, "admin1").user.roles == {Role.SECURITY_OFFICER}


@on_both
def test_an_account_does_nothing_after_its_end(world: World, three: Three) -> None:
    account = colleague(world, three, "li.si", Role.REGISTRAR)
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    world.service.set_end(sysadmin, "li.si", world.clock.now() + timedelta(hours=1), "seconded until tonight")
    world.enter(account)
    world.clock.advance(hours=1)
    assert world.service.account(world.enter(three[Role.SYSTEM_ADMINISTRATOR]), "li.si").state == "expired"
    with pytest.raises(Unauthenticated):
        world.enter(account)
    world.service.set_end(sysadmin, "li.si", None, "stays")
    world.enter(account)


# --- review
@on_both
def test_what_nobody_uses_or_reviewed_is_found_and_a_review_is_on_record(world: World, three: Three) -> None:
    colleague(world, three, "li.si", Role.REGISTRAR)
    begun = world.clock.now()
    world.clock.advance(days=100)
    sysadmin, officer = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])

    def found(**since: str) -> list[str]:
        return [one.user.login for one in world.service.page(sysadmin, Ask().narrowed(**since)).items]

    quarter = (begun + timedelta(days=10)).isoformat()
    assert found(unused_since=quarter) == ["admin2", "li.si"]
    assert len(found(unreviewed_since=quarter)) == 4
    world.service.review(officer, "li.si", "still the registrar")
    assert found(unreviewed_since=quarter) == ["admin0", "admin1", "admin2"]
    assert world.service.account(officer, "li.si").reviewed_at == world.clock.now()
    with pytest.raises(Conflict, match="their own"):
        world.service.review(officer, "admin1", "x")
    with pytest.raises(NotPermitted):
        world.service.review(sysadmin, "li.si", "x")


# --- lists
@on_both
def test_accounts_are_found_by_name_role_unit_and_state(world: World, three: Three) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    world.service.create_unit(sysadmin, "u_a", "u_city", "甲县")
    colleague(world, three, "li.si", Role.REGISTRAR, Role.NETWORK_ADMINISTRATOR, unit="u_a")
    world.service.create_user(sysadmin, "wang.wu", "王五", "u_a")

    def found(text: str = "", **filters: str) -> list[str]:
        return [one.user.login for one in world.service.page(sysadmin, Ask(text).narrowed(**filters)).items]

    assert found("同事") == ["li.si"]
    assert found(role="registrar") == ["li.si"]
    nobody_yet = world.service.page(sysadmin, Ask(filters={"role": ("",)}))
    assert [one.user.login for one in nobody_yet.items] == ["wang.wu"]
    assert found(unit="u_a") == ["li.si", "wang.wu"]
    assert found(state="first") == ["admin2", "li.si", "wang.wu"]
    everyone = world.service.page(sysadmin, Ask())
    assert dict(everyone.facets["state"]) == {"active": 2, "first": 3}
    assert everyone.items[3].user.roles == {Role.REGISTRAR, Role.NETWORK_ADMINISTRATOR}


def test_people_and_units_of_elsewhere_are_not_there(world: World, three: Three) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    world.service.create_unit(sysadmin, "u_a", "u_city", "甲县")
    local = world.enter(colleague(world, three, "li.si", Role.SYSTEM_ADMINISTRATOR, unit="u_a"))
    assert [one.user.login for one in world.service.page(local, Ask()).items] == ["li.si"]
    assert [unit.id for unit in world.service.units_page(local, Ask()).items] == ["u_a"]
    for act, what in ((world.service.account, "admin0"), (world.service.unit, "u_city")):
        with pytest.raises(NotFound):
            act(local, what)


# --- who may
@on_both
def test_who_may_decide_is_told_by_name(world: World, three: Three) -> None:
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    for unit in ("u_a", "u_b"):
        world.service.create_unit(sysadmin, unit, "u_city", unit)
    colleague(world, three, "city", Role.SECURITY_OFFICER)
    colleague(world, three, "of.a", Role.SECURITY_OFFICER, unit="u_a")
    colleague(world, three, "of.b", Role.SECURITY_OFFICER, unit="u_b")
    asker = world.enter(colleague(world, three, "asker", Role.REGISTRAR, unit="u_a"))

    def may(who: Principal, unit: str | None) -> list[str]:
        return world.service.holders(who, Permission.CA_REQUEST_APPROVE, unit)

    assert may(asker, "u_a") == ["同事 city", "同事 of.a", "管理员1"]
    assert may(asker, "u_b") == []
    assert may(world.enter(three[Role.SECURITY_OFFICER]), "u_b") == ["同事 city", "同事 of.b"]


# --- preferences
@on_both
def test_preferences_are_kept_replaced_forgotten_and_nobody_elses(world: World, three: Three) -> None:
    kept = Preferences(world.database, world.clock)
    one, other = (world.enter(three[role]) for role in THREE_ADMINISTRATORS[:2])
    filters = [{"name": "高风险", "query": "filter[risk]=high"}]
    kept.put(one, "theme", "light")
    kept.put(one, "theme", "dark")
    kept.put(one, "filters:siem.alerts", filters)
    assert kept.all(one) == {"theme": "dark", "filters:siem.alerts": filters}
    assert kept.all(other) == {}
    kept.put(one, "theme", None)
    assert set(kept.all(one)) == {"filters:siem.alerts"}


@pytest.mark.parametrize("name", ["", "Theme", "x" * 81, "a b", "../x", "名"])
def test_a_preference_has_a_plain_name(world: World, three: Three, name: str) -> None:
    me = world.enter(three[Role.AUDITOR])
    with pytest.raises(Invalid):
        Preferences(world.database, world.clock).put(me, name, 1)


def test_preferences_are_bounded_in_size_and_number(world: World, three: Three) -> None:
    kept, me = Preferences(world.database, world.clock), world.enter(three[Role.AUDITOR])
    with pytest.raises(LimitExceeded):
        kept.put(me, "columns:x", "长" * LARGEST)
    for number in range(MOST):
        kept.put(me, f"n{number}", number)
    with pytest.raises(LimitExceeded):
        kept.put(me, "one-more", 1)
    kept.put(me, "n0", "replaced")
    assert kept.all(me)["n0"] == "replaced"


def test_the_trail_tells_why_and_holds_no_secret(world: World, three: Three) -> None:
    colleague(world, three, "li.si", Role.REGISTRAR)
    sysadmin = world.enter(three[Role.SYSTEM_ADMINISTRATOR])
    renewed = world.service.reset(sysadmin, "li.si", "lost the phone")
    trail = AuditTrail(world.database, Access(world.database))
    records = trail.page(world.enter(three[Role.AUDITOR]), Ask(limit=500)).items
    by_action = {record.action: record for record in records}
    assert by_action["identity:user:reset"].reason == "lost the phone"
    assert by_action["identity:role:grant"].reason == "new colleague"
    assert renewed.password not in str(records)
    assert renewed.totp_secret not in str(records)
