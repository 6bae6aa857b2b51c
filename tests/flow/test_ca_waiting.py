"""What waits for an officer, at the command line: an approval without the signer, a key that everybody has, the clock."""

import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca.encoding.csr import BadCsr
from tests.contract.test_signer import start
from tests.flow.test_hsm import OFFICERS, REGISTRAR, City, city

__all__ = ["city"]  # a fixture


def told(city: City, *arguments: str) -> Any:
    """As a program of the officer gets it."""
    return city.did(OFFICERS[1], *arguments)


def table(city: City, *arguments: str) -> str:
    """As an officer reads it."""
    done = city.weicheng(OFFICERS[1], "-o", "table", "--lang", "zh_CN", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_approval_without_the_signer_waits_and_is_signed_when_it_is_back(city: City) -> None:
    request = city.file("吴静")
    city.process.kill()
    city.process.wait()
    assert city.weicheng(OFFICERS[1], "ca", "approve", request).returncode != 0
    assert "等待签名机" in table(city, "ca", "intent", "list")
    (waiting,) = told(city, "ca", "intent", "list")
    assert waiting["state"] == "waiting"
    (city.folder / "signer.sock").unlink(missing_ok=True)
    city.process = start(city.folder, city.token)
    signed = told(city, "ca", "intent", "again", waiting["serial"])
    assert signed["state"] == "issued"
    assert told(city, "ca", "intent", "list") == []
    assert "有效" in table(city, "ca", "list", "--find", "吴静")
    assert told(city, "ca", "clock", "ahead") == []
    assert told(city, "ca", "ends") == []


def test_a_key_that_an_officer_has_listed_is_certified_nevermore(city: City, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    x = key.public_key().public_numbers().x  # what badkeys takes the digest of
    listed = sha256(x.to_bytes((x.bit_length() + 7) // 8)).digest()[:15]
    (tmp_path / "known.dat").write_bytes(listed + b"a")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    asked = ["openssl", "req", "-new", "-key", str(tmp_path / "key.pem"), "-subj", "/CN=x"]
    csr = subprocess.run(asked, capture_output=True, check=True).stdout
    why = ("--reason", "密钥已在网上公布")
    loaded = told(city, "ca", "blocklist", "load", "leaked", str(tmp_path / "known.dat"), *why)
    assert (loaded["keys"], loaded["reason"]) == (1, why[1])
    assert "badkeys" in table(city, "ca", "blocklist", "list")
    with pytest.raises(BadCsr, match="leaked"):
        city.app.ca.registration.file(
            REGISTRAR,
            profile="person",
            subject={"O": "市大数据局", "CN": "吴静"},
            names=(),
            unit="u_city",
            evidence="身份证原件",
            csr=csr,
        )
