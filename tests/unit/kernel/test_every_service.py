"""Every use case of every service, found by looking, tried by every role.

A method that takes a principal is a use case. Called by a person without any role it has to be refused for want of a
permission, before it looks at anything: whoever may not ask learns nothing, not even what exists. And of the eight roles
exactly those are refused that the table says. A new method that forgets its check fails here without anybody writing a test.
"""

import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.compose.app import ROOMS, App
from console.compose.tables import import_all_tables
from kernel.assets.model import Asset, AssetKind
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.errors import NotPermitted
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import ROLE_PERMISSIONS, Permission
from kernel.identity.store import units
from tests.conftest import UNITS

# What no permission guards, and why.
FREE: Mapping[str, str] = {
    "Sessions.page": "everybody sees their own sessions",
    "Sessions.get": "everybody sees their own sessions",
    "Sessions.end": "everybody may end their own session",
    "SignIn.change_password": "everybody changes their own password, and proves the old one",
    "FourEyes.page": "everybody sees what they asked for; the rest by the permission that decides",
    "FourEyes.get": "everybody sees what they asked for; the rest by the permission that decides",
    "FourEyes.waiting": "nothing waits for who holds no permission that decides",
    "Tokens.create": "everybody makes tokens, within what they hold",
    "Tokens.page": "everybody sees their own tokens",
    "Tokens.get": "everybody sees their own tokens",
    "Tokens.revoke": "everybody may revoke their own tokens",
    "Preferences.all": "everybody sees what they chose",
    "Preferences.put": "everybody chooses for themselves",
    "IdentityService.holders": "who may do or approve something is told to whoever needs them",
    "IdentityService.units": "everybody sees the units they belong to",
    "Holders.page": "everybody sees the certificates bound to their own account",
    "Holders.get": "everybody sees the certificates bound to their own account",
    "Holders.renew": "everybody may ask for a newer certificate of their own; a second person approves it",
    "Holders.suspend": "everybody may suspend their own certificate",
    "JobQueue.enqueue": "services enqueue after checking the permission for what the job does",
}
INNER = {
    "Access",
    "Approvals",
    "Base",
    "Filing",
    "Issuance",
    "Profiles",
}  # what services are made of: they check before they call these


class Case:
    """One use case: ``name`` as Class.method, ``call`` with the principal alone."""

    def __init__(self, owner: object, method: str) -> None:
        self.name = f"{type(owner).__name__}.{method}"
        self._bound = getattr(owner, method)
        self.asker = next(name for name in ("principal", "by") if name in _parameters(self._bound))

    def refusal(self, principal: Principal) -> NotPermitted | None:
        """How the principal is refused; None when they are not. What happens after the check is other tests' business."""
        try:
            self._bound(**{self.asker: principal}, **_anything(self._bound))
        except NotPermitted as refused:
            return refused
        except Exception:  # noqa: BLE001 - the arguments mean nothing, so any failure but a refusal is "let in"
            return None
        return None


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    import_all_tables()
    app = App(
        Settings(data_dir=tmp_path_factory.mktemp("suite")),
        FixedClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)),
    )
    app.floor.database.create_all()
    with app.floor.database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    floor = [getattr(app.floor, name) for name in app.floor.__dataclass_fields__]
    found = [
        case for part in [*floor, *(getattr(app, room) for room in ROOMS)] for case in _cases(part, set())
    ]
    return {case.name: case for case in found}


def _cases(part: object, seen: set[int]) -> Iterator[Case]:
    """The use cases of an object of ours and of the public objects that it consists of."""
    if not _ours(part) or id(part) in seen or type(part).__name__ in INNER:
        return
    seen.add(id(part))
    for name, member in inspect.getmembers(type(part), inspect.isfunction):
        if not name.startswith("_") and {"principal", "by"} & _parameters(member).keys():
            yield Case(part, name)
    for name, value in vars(part).items() if hasattr(part, "__dict__") else ():
        if not name.startswith("_"):
            yield from _cases(value, seen)


def _ours(part: object) -> bool:
    return type(part).__module__.split(".")[0] in {"kernel", *ROOMS} and not isinstance(part, type)


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _anything(function: Any) -> dict[str, Any]:
    """An argument for each parameter that has no default: good enough to get as far as the check."""
    hidden = ("self", "principal", "by")
    asset = Asset("", AssetKind.DEVICE, "nothing", "u_city")
    known = {Path: Path("/nowhere"), Asset: asset, datetime: datetime(2027, 1, 1, tzinfo=UTC)}
    return {
        name: known.get(parameter.annotation, "nothing")
        for name, parameter in _parameters(function).items()
        if name not in hidden and parameter.default is parameter.empty
    }


def _person(*roles: Role) -> Principal:
    return Principal("usr_someone", "someone", frozenset(roles), "u_city", "password")


def test_every_use_case_is_found(cases: dict[str, Case]) -> None:
    owners = {name.split(".")[0] for name in cases}
    assert len(cases) > 100
    assert owners >= {
        "Registration",
        "Lifecycle",
        "Polling",
        "TriageService",
        "BackupService",
        "AssessmentService",
    }
    assert owners >= {
        "CollectionService",
        "Register",
        "AuditTrail",
        "EvidenceService",
        "IdentityService",
        "JobQueue",
    }
    assert set(FREE) <= set(cases), "an exception for what is no more"


def test_who_has_no_role_is_refused_everything(cases: dict[str, Case]) -> None:
    let_in = [name for name, case in cases.items() if name not in FREE and case.refusal(_person()) is None]
    assert not let_in, "\n".join(let_in)


@pytest.fixture(scope="module")
def needed(cases: dict[str, Case]) -> Mapping[str, Permission]:
    """The permission for whose want each use case refuses a person without any role."""
    refused = {name: case.refusal(_person()) for name, case in cases.items() if name not in FREE}
    return {
        name: Permission(why.params["permission"])
        for name, why in refused.items()
        if why is not None and "permission" in why.params
    }


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_refused_what_it_does_not_hold(
    cases: dict[str, Case], needed: Mapping[str, Permission], role: Role
) -> None:
    wrong = [
        name
        for name, permission in needed.items()
        if permission not in ROLE_PERMISSIONS[role] and cases[name].refusal(_person(role)) is None
    ]
    assert not wrong, "\n".join(wrong)
