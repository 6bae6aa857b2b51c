"""First run in the browser: whoever can read a file on the server may name the three administrators, once."""

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

import structlog

from kernel.audit.model import AuditAction
from kernel.errors import Conflict, NotPermitted
from kernel.i18n import N_
from kernel.identity.model import Principal, Role
from kernel.identity.origins import Origins
from kernel.identity.ports import AccountStore
from kernel.identity.service import IdentityService, NewAccount
from kernel.secrets import make_private_once
from kernel.store import Database


class FirstRun:
    """Set-up guarded by a code in a private file: before anybody exists there is no other way to tell who may."""

    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        identity: IdentityService,
        origins: Origins,
        code_file: Path,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._identity = identity
        self._origins = origins
        self._code_file = code_file
        self._done = False

    def needed(self) -> bool:
        """Whether nobody exists yet; asked of the database until the first person does."""
        if not self._done:
            with self._database.read() as connection:
                self._done = self._accounts.any_user(connection)
        return not self._done

    def offer(self) -> Path:
        """The file (0600) with the code, made at the first call and named in the log; the code itself never is."""
        if not self._code_file.exists():
            make_private_once(self._code_file, secrets.token_urlsafe(18).encode())
            structlog.get_logger("identity").warning("set-up waits for its code", file=str(self._code_file))
        return self._code_file

    def set_up(
        self, code: str, organisation: str, logins: Mapping[Role, tuple[str, str]], origin: str = ""
    ) -> list[NewAccount]:
        """Make the topmost unit and the three administrators, as ``IdentityService.set_up``, and forget the code.

        NotPermitted for a wrong code, which is audited; LimitExceeded after too many of them.
        """
        if not self.needed():
            raise Conflict(N_("The suite is set up already."), mend=N_("Sign in with weicheng login."))
        expected = self.offer().read_bytes()
        with self._database.begin() as uow:
            self._origins.check(uow.connection, origin)
            right = hmac.compare_digest(expected, code.strip().encode())
            if not right:
                self._origins.count(uow.connection, origin)
                nobody, details = Principal.system("set-up"), {"origin": origin}
                uow.audit(nobody, AuditAction.SETUP, "suite", outcome="failure", details=details)
        if not right:
            raise NotPermitted(
                N_("The set-up code is wrong."),
                mend=N_("Read it from %(file)s on the server."),
                file=str(self._code_file),
            )
        made = self._identity.set_up(organisation, dict(logins))
        self._code_file.unlink(missing_ok=True)
        return made
