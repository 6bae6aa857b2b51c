"""The people of the demo: made, given roles and signed in exactly as real ones are."""

import json
import secrets
from dataclasses import dataclass, replace

from console.compose.floor import Floor
from kernel.clock import Clock
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.identity.service import NewAccount
from kernel.identity.sign_in import SignIn
from kernel.secrets import write_private


@dataclass(frozen=True)
class Person:
    """Somebody of the main job, with the one role and the unit that they hold."""

    key: str  # how steps name this person
    login: str
    name: str
    unit: str
    role: Role


THREE = (
    Person("sysadmin", "wang.wei", "王伟", "u_city", Role.SYSTEM_ADMINISTRATOR),
    Person("officer", "li.na", "李娜", "u_city", Role.SECURITY_OFFICER),
    Person("auditor", "zhang.min", "张敏", "u_city", Role.AUDITOR),
)
OTHERS = (
    Person("second_officer", "chen.jie", "陈杰", "u_city", Role.SECURITY_OFFICER),
    Person("registrar", "liu.yang", "刘洋", "u_county", Role.REGISTRAR),
    Person("city_registrar", "zhao.lei", "赵磊", "u_city", Role.REGISTRAR),
    Person("network_admin", "huang.qiang", "黄强", "u_city", Role.NETWORK_ADMINISTRATOR),
    Person("analyst", "zhou.fang", "周芳", "u_city", Role.SOC_ANALYST),
    Person("dr_admin", "wu.jing", "吴静", "u_city", Role.DR_ADMINISTRATOR),
    Person("assessor", "xu.tao", "徐涛", "u_city", Role.ASSESSOR),
)


def make_people(floor: Floor) -> dict[str, Principal]:
    """Set the suite up, add the colleagues and sign everybody in; their passwords go to a private file."""
    made = floor.identity.set_up(
        floor.settings.organisation, {person.role: (person.login, person.name) for person in THREE}
    )
    accounts: dict[str, NewAccount] = {}
    principals: dict[str, Principal] = {}

    def arrive(key: str, account: NewAccount) -> None:
        accounts[key], principals[key] = enter_first(floor.sign_in, floor.clock, account)

    for person in THREE:
        arrive(person.key, _account(made, person))
    sysadmin, officer = principals["sysadmin"], principals["officer"]
    floor.identity.create_unit(sysadmin, "u_county", "u_city", "临江县大数据中心")
    for person in OTHERS:
        account = floor.identity.create_user(sysadmin, person.login, person.name, person.unit)
        floor.identity.grant_roles(officer, person.login, [person.role])
        arrive(person.key, account)
    _write_accounts(floor, accounts)
    return principals


def _account(made: list[NewAccount], person: Person) -> NewAccount:
    return next(account for account in made if account.user.login == person.login)


def enter_first(sign_in: SignIn, clock: Clock, account: NewAccount) -> tuple[NewAccount, Principal]:
    """Sign in with the first password and replace it by one of one's own, as everybody has to."""
    # one code a person: a code works once, and its step is over long before anybody uses the console
    code = totp_code(account.totp_secret, clock.now().timestamp())
    first = sign_in.with_password(account.user.login, account.password, code, origin="demo")
    own = f"Wc1-{secrets.token_urlsafe(15)}"
    sign_in.change_password(first.principal, account.password, own)
    return replace(account, password=own), sign_in.principal(first.token)


def _write_accounts(floor: Floor, accounts: dict[str, NewAccount]) -> None:
    rows = [
        {"login": a.user.login, "name": a.user.name, "password": a.password, "totp": a.totp_uri}
        for a in accounts.values()
    ]
    path = floor.settings.data_dir.parent / "people" / "accounts.json"
    write_private(path, json.dumps(rows, ensure_ascii=False, indent=1).encode())
