"""What logs in to devices, by name, sealed in the database."""

import json
from dataclasses import asdict, dataclass

from sqlalchemy import select

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.store import credentials
from kernel.secrets import SecretBox
from kernel.store import Database


@dataclass(frozen=True, repr=False)
class Credential:
    """What logs in to a device. Its text form shows no secret."""

    username: str = ""
    password: str = ""
    enable: str = ""
    key_file: str = ""
    snmp_user: str = ""
    snmp_auth: str = ""
    snmp_priv: str = ""
    snmp_community: str = ""

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, …)"

    def secrets(self) -> tuple[str, ...]:
        """Every secret text in it, for masking."""
        values = (self.password, self.enable, self.snmp_auth, self.snmp_priv, self.snmp_community)
        return tuple(value for value in values if value)


class Credentials:
    """Device credentials by name, sealed in the database."""

    def __init__(self, database: Database, clock: Clock, access: Access, box: SecretBox) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._box = box

    def get(self, name: str) -> Credential:
        """For adapters that log in; NotFound when there is none of that name."""
        with self._database.read() as connection:
            query = select(credentials.c.sealed).where(credentials.c.name == name)
            sealed = connection.execute(query).scalar_one_or_none()
        if sealed is None:
            raise NotFound(
                N_("There is no credential %(name)s."),
                mend=N_("Set it with: weicheng credential set."),
                name=name,
            )
        return Credential(**json.loads(self._box.open(sealed, context=f"credential:{name}")))

    def put(self, principal: Principal, name: str, credential: Credential) -> None:
        """Store or replace a credential; only its name is audited.

        Credentials belong to the topmost unit: with one of its own, a subordinate unit could replace everybody's.
        """
        self._access.require_root(principal, Permission.CREDENTIAL_WRITE)
        sealed = self._box.seal(json.dumps(asdict(credential)).encode(), context=f"credential:{name}")
        with self._database.begin() as uow:
            uow.execute(credentials.delete().where(credentials.c.name == name))
            uow.execute(credentials.insert().values(name=name, sealed=sealed, changed_at=self._clock.now()))
            uow.audit(principal, AuditAction.CREDENTIAL_SET, f"credential:{name}")

    def names(self) -> list[str]:
        with self._database.read() as connection:
            return list(connection.execute(select(credentials.c.name).order_by(credentials.c.name)).scalars())
