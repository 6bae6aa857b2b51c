"""A token of SoftHSM2 in a folder of its own, as a test finds an HSM."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_CONFIGURATION = """directories.tokendir = {tokens}
objectstore.backend = file
log.level = ERROR
slots.removable = false
"""


@dataclass(frozen=True)
class SoftToken:
    """A token: its folder, label and PIN. Only whoever has ``environment`` sees it."""

    folder: Path
    label: str
    pin: str = "2468-1357"
    so_pin: str = "so-2468-1357"
    module: Path = MODULE

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    def tool(self, *arguments: str) -> str:
        """What softhsm2-util says."""
        return self._run("softhsm2-util", *arguments)

    def pkcs11_tool(self, *arguments: str, login: bool = True) -> str:
        """What OpenSC's pkcs11-tool, a client that is not ours, says of this token."""
        own = ("--module", str(self.module), "--token-label", self.label)
        return self._run("pkcs11-tool", *own, *(("--login", "--pin", self.pin) if login else ()), *arguments)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def new_token(folder: Path, patch: pytest.MonkeyPatch) -> SoftToken:
    """Make a token in ``folder`` and let this process see it, and no other."""
    token = SoftToken(folder, f"weicheng-{uuid4().hex[:12]}")
    token.tokens.mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(_CONFIGURATION.format(tokens=token.tokens))
    for name, value in token.environment.items():
        patch.setenv(name, value)
    token.tool("--init-token", "--free", "--label", token.label, "--pin", token.pin, "--so-pin", token.so_pin)
    return token
