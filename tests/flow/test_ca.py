"""A served CA, driven over HTTP with OpenSSL alone; its keys are in a signer process that is killed on the way."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.model import Certificate, Reason, State
from ca.service import CaService
from ca.signer.client import SocketSigner
from ca.signer.model import KeyRole
from ca.signer.warrant import Credential
from ca.web import StatusSite
from console.compose.tables import import_all_tables
from kernel.clock import SystemClock
from kernel.errors import Unavailable
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.pki.pem import certificate_pem
from kernel.store import Database
from kernel.store.listing import Ask
from tests.conftest import UNITS
from tests.support.hierarchy import one_ca
from tests.support.public import served
from tests.unit.ca.conftest import build

OFFICER = Principal("usr_1", "officer", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
SECOND = Principal("usr_2", "second", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
REGISTRAR = Principal("usr_3", "registrar", frozenset({Role.REGISTRAR}), "u_city", "password")
SECRET = b"a secret of the processes of this test"
SIGNER = """
import sys
from pathlib import Path
from ca.signer.keyfile import KeyFileSigner
from ca.signer.server import serve
from ca.signer.warrant import Credential
folder, secret = Path(sys.argv[1]), sys.argv[2].encode()
keys = KeyFileSigner(folder / "keys", "a-long-enough-passphrase")
sys.exit(serve(keys, folder / "signer.sock", Credential(lambda: secret)))
"""


@dataclass
class City:
    """A CA with its signer process and its status service; ``work`` is where OpenSSL works."""

    ca: CaService
    work: Path
    url: str
    process: subprocess.Popen[bytes]

    def openssl(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["openssl", *command.split()], cwd=self.work, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def fetch(self, path: str, name: str) -> None:
        from urllib.request import urlopen

        with urlopen(self.url + path, timeout=10) as answer:
            (self.work / name).write_bytes(answer.read())

    def issue(self, profile: str, common_name: str, *names: str, key: str) -> Certificate:
        """The applicant's OpenSSL makes key and CSR; registrar files, officer approves."""
        made, said = self.openssl(
            f"req -new -newkey {key} -nodes -keyout {common_name}.key -subj /CN=x -out {common_name}.csr"
        )
        assert made == 0, said
        filed = self.ca.registration.file(
            REGISTRAR,
            profile=profile,
            subject={"O": "市大数据局", "CN": common_name},
            names=names,
            unit="u_city",
            evidence="来函核对",
            csr=(self.work / f"{common_name}.csr").read_bytes(),
        )
        issued = self.ca.registration.approve(OFFICER, filed.id)
        assert isinstance(issued, Certificate)
        (self.work / f"{common_name}.pem").write_bytes(certificate_pem(issued.der))
        return issued

    def verify(self, name: str) -> tuple[int, str]:
        for authority in ("root", "issuing"):
            self.fetch(f"/crl/{authority}.crl", f"{authority}.der")
            self.openssl(f"crl -inform DER -in {authority}.der -out {authority}.crl.pem")
        lists = [(self.work / f"{one}.crl.pem").read_bytes() for one in ("root", "issuing")]
        (self.work / "crls.pem").write_bytes(b"".join(lists))
        return self.openssl(
            f"verify -x509_strict -crl_check_all -CRLfile crls.pem -CAfile root.pem -untrusted issuing.pem {name}.pem"
        )

    def ocsp(self, name: str, extra: str = "") -> str:
        trust = "-CAfile root.pem -verify_other issuing.pem"
        status, said = self.openssl(
            f"ocsp -issuer issuing.pem {extra} -cert {name}.pem {trust} -url {self.url}/ocsp"
        )
        assert status == 0, said
        assert "Response verify OK" in said, said
        return said


def start_signer(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNER, str(folder), SECRET.decode()], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        client = SocketSigner(folder / "signer.sock")
        try:
            client.keys()
            return process
        except Unavailable:
            time.sleep(0.05)
        finally:
            client.close()
    raise AssertionError("the signer did not start")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("city")
    import_all_tables()
    database = Database(f"sqlite:///{folder / 'ca.sqlite'}", SystemClock())
    database.create_all()
    with database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    process = start_signer(folder)
    client = SocketSigner(folder / "signer.sock", Credential(lambda: SECRET))
    ca, _ = build(database, SystemClock(), client, folder / "box")
    plan = one_ca("市大数据局", "测试根 CA", "测试签发 CA", "张敏")
    ca.ceremonies.perform(SECOND, ca.ceremonies.propose(OFFICER, plan))
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE, KeyRole.LOG):
        ca.services.provision(OFFICER, role)
    work = folder / "work"
    work.mkdir()
    for authority in ca.authorities():
        ca.publication.publish(authority.id, OFFICER)
        (work / f"{authority.id}.pem").write_bytes(certificate_pem(authority.certificate))
    with served(StatusSite(ca)) as url:
        made = City(ca, work, url, process)
        yield made
    client.close()
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(20) == 0
    database.close()


@pytest.mark.parametrize(
    ("profile", "name", "names", "key"),
    [
        ("person", "chen", ("email:chen@city.gov.cn",), "rsa:2048"),
        ("device", "router-1", ("ip:10.1.2.3",), "ec -pkeyopt ec_paramgen_curve:P-384"),
        ("tls-server", "www.gov.internal", ("dns:www.gov.internal",), "ec -pkeyopt ec_paramgen_curve:P-256"),
        ("software", "client", (), "rsa:3072"),
    ],
)
def test_every_kind_is_good_until_it_is_revoked(
    city: City, profile: str, name: str, names: tuple[str, ...], key: str
) -> None:
    issued = city.issue(profile, name, *names, key=key)
    assert city.verify(name)[0] == 0, city.verify(name)[1]
    assert f"{name}.pem: good" in city.ocsp(name)
    city.ca.lifecycle.revoke(OFFICER, issued.serial, Reason.KEY_COMPROMISE, "私钥疑似泄露")
    status, said = city.verify(name)
    assert status != 0
    assert "certificate revoked" in said
    told = city.ocsp(name)
    assert f"{name}.pem: revoked" in told
    assert "keyCompromise" in told


def test_ocsp_by_either_digest_with_and_without_nonce_and_for_many_at_once(city: City) -> None:
    p256 = "ec -pkeyopt ec_paramgen_curve:P-256"
    city.issue("device", "switch-1", "ip:10.1.2.4", key=p256)
    held = city.issue("device", "switch-2", "ip:10.1.2.5", key=p256)
    city.ca.lifecycle.hold(OFFICER, held.serial, "设备送修")
    for extra in ("-sha1", "-sha256", "-no_nonce"):
        assert "switch-1.pem: good" in city.ocsp("switch-1", extra)
    both = city.ocsp("switch-1", "-cert switch-2.pem")
    assert "switch-1.pem: good" in both
    assert "switch-2.pem: revoked" in both
    assert "certificateHold" in both
    city.ca.lifecycle.release(OFFICER, held.serial, "修复返回")
    assert "switch-2.pem: good" in city.ocsp("switch-2")


def test_a_stamp_asked_for_over_http_is_verified_by_openssl(city: City) -> None:
    from urllib.request import Request, urlopen

    (city.work / "document").write_text("电子公文")
    for digest in ("sha256", "sha512"):
        city.openssl(f"ts -query -data document -{digest} -cert -out query.tsq")
        query = (city.work / "query.tsq").read_bytes()
        asked = Request(f"{city.url}/tsa", query, {"Content-Type": "application/timestamp-query"})
        with urlopen(asked, timeout=10) as answer:
            assert answer.headers["Content-Type"] == "application/timestamp-reply"
            (city.work / "reply.tsr").write_bytes(answer.read())
        status, said = city.openssl(
            "ts -verify -queryfile query.tsq -in reply.tsr -CAfile root.pem -untrusted issuing.pem"
        )
        assert status == 0, said


def test_openssl_and_the_suite_agree_on_a_signed_document_until_its_signer_is_revoked(city: City) -> None:
    from ca.validation.content import Content
    from ca.validation.service import Asked

    issued = city.issue("person", "signer", "email:signer@city.gov.cn", key="rsa:2048")
    (city.work / "notice").write_text("关于开展等级测评的通知")
    signing = "cms -sign -binary -in notice -signer signer.pem -inkey signer.key -certfile issuing.pem"
    assert city.openssl(f"{signing} -outform DER -out notice.p7s")[0] == 0
    city.openssl("ts -query -data notice -sha256 -cert -out notice.tsq")
    stamp = city.ca.timestamps.answer((city.work / "notice.tsq").read_bytes())
    checking = "cms -verify -binary -inform DER -in notice.p7s -content notice -CAfile root.pem -purpose any -out /dev/null"
    assert city.openssl(checking)[0] == 0
    content, asked = Content.of_file(city.work / "notice"), Asked(name="notice")
    signature = (city.work / "notice.p7s").read_bytes()
    verify = city.ca.validations
    assert verify.document(REGISTRAR, content, asked, signature=signature).verdict == "valid"
    assert verify.timestamp(REGISTRAR, content, stamp, asked).verdict == "valid"
    city.ca.lifecycle.revoke(OFFICER, issued.serial, Reason.KEY_COMPROMISE, "私钥疑似泄露")
    assert "revoked" in city.verify("signer")[1]
    time.sleep(1.1)  # told in whole seconds
    assert verify.document(REGISTRAR, content, asked, signature=signature).reason == "revoked"
    (city.work / "notice").write_text("改动过的通知")
    assert city.openssl(checking)[0] != 0
    altered = Content.of_file(city.work / "notice")
    assert verify.document(REGISTRAR, altered, asked, signature=signature).reason == "altered"


def test_the_log_is_downloaded_and_checked_by_a_script_that_needs_no_suite(city: City) -> None:
    def checked(*words: str) -> tuple[int, str]:
        script = Path(__file__).parents[2] / "docs" / "assess" / "verify-log.py"
        command = [sys.executable, "-I", str(script), "head.json", "root.pem", *words]
        done = subprocess.run(command, cwd=city.work, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    city.ca.log.sequencer.run()
    city.fetch("/log/v1/sth", "old.json")
    issued = city.issue("person", "sun", key="rsa:2048")
    city.ca.lifecycle.revoke(OFFICER, issued.serial, Reason.SUPERSEDED, "换发")
    city.ca.log.sequencer.run()
    city.fetch("/log/v1/sth", "head.json")
    sizes = [
        json.loads(json.loads((city.work / name).read_text())["tree_head"])["size"]
        for name in ("old.json", "head.json")
    ]
    assert sizes[1] == sizes[0] + 2
    city.fetch(f"/log/v1/entries?start=0&end={sizes[1] - 1}", "entries.json")
    leaves = json.loads((city.work / "entries.json").read_text())["entries"]
    assert [json.loads(leaf)["type"] for leaf in leaves[-2:]] == ["issued", "revoked"]
    (city.work / "entries.jsonl").write_text("".join(f"{leaf}\n" for leaf in leaves))
    city.fetch(f"/log/v1/proof/consistency?first={sizes[0]}&second={sizes[1]}", "grown.json")
    words = ("--entries", "entries.jsonl", "--earlier", "old.json", "--consistency", "grown.json")
    status, said = checked(*words)
    assert status == 0, said
    assert "INTACT" in said
    (city.work / "entries.jsonl").write_text(
        "".join(f"{leaf}\n" for leaf in leaves).replace("revoked", "released")
    )
    assert checked(*words)[0] == 1


def test_the_address_in_the_certificate_leads_to_its_issuer(city: City) -> None:
    issued = city.issue("person", "li", key="rsa:2048")
    extensions = x509.load_der_x509_certificate(issued.der).extensions
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    places = {one.access_method._name: one.access_location.value for one in access}
    assert places["OCSP"].endswith("/ocsp")
    city.fetch("/" + places["caIssuers"].split("/", 3)[3], "fetched.cer")
    fetched = x509.load_der_x509_certificate((city.work / "fetched.cer").read_bytes())
    assert fetched.public_bytes(Encoding.PEM) == (city.work / "issuing.pem").read_bytes()


def test_the_signer_killed_after_the_approval_leaves_nothing_half_done(city: City) -> None:
    """The officer's approval and the intent are stored; the certificate follows when the signer is back."""
    city.openssl("req -new -newkey rsa:2048 -nodes -keyout wu.key -subj /CN=x -out wu.csr")
    filed = city.ca.registration.file(
        REGISTRAR,
        profile="person",
        subject={"O": "市大数据局", "CN": "吴静"},
        names=(),
        unit="u_city",
        evidence="来函核对",
        csr=(city.work / "wu.csr").read_bytes(),
    )
    city.process.kill()
    city.process.wait()
    with pytest.raises(Unavailable):
        city.ca.registration.approve(OFFICER, filed.id)
    assert city.ca.registration.show(OFFICER, filed.id).state is State.APPROVED
    city.process = start_signer(city.work.parent)
    assert city.ca.issuance.recover() == 1
    assert city.ca.registration.show(OFFICER, filed.id).state is State.ISSUED
    issued = city.ca.lifecycle.page(OFFICER, Ask("吴静")).items[0]
    (city.work / "wu.pem").write_bytes(certificate_pem(issued.der))
    assert city.verify("wu")[0] == 0
    assert "wu.pem: good" in city.ocsp("wu")


def test_profiles_give_no_more_than_they_say(city: City) -> None:
    """The extensions of an issued certificate are those of its profile's file, read without our profile code."""
    issued = city.issue("device", "router-9", "ip:10.9.9.9", key="ec -pkeyopt ec_paramgen_curve:P-256")
    data = Path(__file__).parent.parent.parent / "policies" / "data" / "cert_profiles" / "device.yaml"
    profile = yaml.safe_load(data.read_text(encoding="utf-8"))
    certificate = x509.load_der_x509_certificate(issued.der)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    named = ("digital_signature", "content_commitment", "key_encipherment", "key_agreement", "key_cert_sign")
    assert {one for one in named if getattr(usage, one)} == set(profile["key_usage"])
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime == timedelta(days=profile["validity_days"])
