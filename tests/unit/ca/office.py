"""A registration office over a founded CA: one request waits, one certificate is issued, and names are hostile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ca.model import Certificate, Request
from ca.signer.model import KeyRole
from console.compose import ca as composition
from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.clock import FixedClock
from kernel.identity.model import Principal, Role
from kernel.identity.service import NewAccount
from tests.support.hierarchy import one_ca
from tests.support.signer import ControlledSigner
from tests.unit.console.conftest import START, Issued, _app, make_accounts

HOSTILE = "<img src=x onerror=alert(1)>'\"&"
OFFICER, SECOND = (
    Principal(f"usr_{name}", name, frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
    for name in ("first", "second")
)


@dataclass
class Office:
    """The application, who works with it, and what they have done so far."""

    app: App
    clock: FixedClock
    issued: Issued
    accounts: dict[Role, NewAccount]
    registrar: Principal
    waiting: Request
    granted: Request
    certificate: Certificate
    issuing: str
    signer: ControlledSigner

    def file(self, name: str) -> Request:
        """One more request for a person."""
        return file(self.app, self.registrar, name)


@contextmanager
def opened(folder: Path) -> Iterator[Office]:
    """The office over a fresh data folder; its keys are in memory."""
    folder.mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=2))
    app, issued = _app(folder, clock)
    app.floor.database.create_all()
    accounts = make_accounts(app)
    signer = ControlledSigner(folder / "signer.activation", clock)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(composition, "SocketSigner", lambda *_: signer)
        found(app)
    user = accounts[Role.REGISTRAR].user
    registrar = Principal(user.id, user.name, frozenset({Role.REGISTRAR}), user.unit, "password")
    waiting, granted = (file(app, registrar, name) for name in ("陈晓明", "陈晓东"))
    certificate = app.ca.registration.approve(OFFICER, granted.id)
    assert isinstance(certificate, Certificate)
    own = app.ca.overview.authority(OFFICER, "issuing").serial
    app.ca.log.sequencer.run()
    app.ca.timestamps.token(bytes(32))
    clock.advance(minutes=2)
    yield Office(app, clock, issued, accounts, registrar, waiting, granted, certificate, own, signer)
    app.floor.database.close()


def found(app: App) -> None:
    """Root and issuing CA, the services, the first lists."""
    plan = one_ca("卫城市大数据局", "根 CA", "签发 CA", "张敏")
    app.ca.ceremonies.perform(SECOND, app.ca.ceremonies.propose(OFFICER, plan))
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.LOG):
        app.ca.services.provision(OFFICER, role)
    for authority in app.ca.authorities():
        app.ca.publication.publish(authority.id, OFFICER)


def file(app: App, registrar: Principal, name: str) -> Request:
    return app.ca.registration.file(
        registrar,
        profile="person",
        subject={"O": HOSTILE, "CN": name},
        names=("email:chen@city.gov.cn",),
        unit=registrar.unit,
        evidence=f"身份证 {HOSTILE}",
    )
