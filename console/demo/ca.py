"""Step 1 of the main job: a CA is founded, certificates are asked for, approved, issued, one is revoked; OpenSSL checks all."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.request import urlopen

from ca.model import Authority, Certificate, Reason, Request
from ca.signer.model import KeyRole
from console.demo import approving, founding
from console.demo.model import Check, Demo, StepResult
from kernel.errors import NotPermitted, Unavailable
from kernel.i18n import N_, translate
from kernel.pki.pem import certificate_pem
from kernel.secrets import write_private

_EVIDENCE = "单位介绍信与身份证原件核对无误"
# profile, subject, names, who files, unit; a key of the applicant's own where the profile wants one
_APPLICATIONS = (
    (
        "person",
        {"CN": "陈晓明", "OU": "政务服务科"},
        ("email:chen.xiaoming@city.gov.cn",),
        "registrar",
        "u_county",
    ),
    ("device", {"CN": "ww-core-ios"}, ("ip:127.20.0.1",), "city_registrar", "u_city"),
    (
        "tls-server",
        {"CN": "console.gov.internal"},
        ("dns:console.gov.internal", "ip:127.0.0.1"),
        "city_registrar",
        "u_city",
    ),
    ("software", {"CN": "政务服务客户端"}, (), "city_registrar", "u_city"),
    (
        "tls-server",
        {"CN": "collector.gov.internal"},
        ("dns:collector.gov.internal", "ip:127.0.0.1"),
        "city_registrar",
        "u_city",
    ),
    ("person", {"CN": "李娜", "UID": "li.na"}, (), "city_registrar", "u_city"),
    approving.APPLICATION,
    ("person", {"CN": "周敏", "OU": "审计科"}, (), "city_registrar", "u_city"),
)


def run(demo: Demo) -> StepResult:
    """Found, register, approve, issue, revoke, publish; then ask OpenSSL."""
    authorities, alone = _found(demo)
    requests = [_file(demo, number) for number in range(len(_APPLICATIONS))]
    registrar, registration = demo.people["city_registrar"], demo.app.ca.registration
    refused = _refused(
        translate(N_("the same person is refused")),
        "weicheng ca approve",
        lambda: registration.approve(registrar, requests[1].id),
    )
    issued = [_approve(demo, request) for request in requests[:7]]
    approving.appoint(demo, issued[6])
    key = demo.folder / "applicants" / f"{approving.NAME}.key"
    last, unsigned = approving.approve(demo, requests[7], issued[6], key)
    issued.append(last)
    _keep_keys(demo, requests, authorities)
    _bind_officer(demo, issued[5])
    demo.progress(translate(N_("one certificate is revoked")))
    demo.app.ca.lifecycle.revoke(
        demo.people["officer"], issued[1].serial, Reason.KEY_COMPROMISE, "设备退役前私钥疑似泄露"
    )
    _status_service(demo)
    sealed = demo.app.evidence.seal_pending()
    checks = [alone, refused, unsigned, *_checks(demo, authorities, issued[0], issued[1])]
    figures = {
        "authorities": [authority.name for authority in authorities],
        "certificates": demo.app.ca.counts(),
        "revoked": issued[1].serial,
        "sealed": sealed,
    }
    return StepResult("ca", figures, demo.planted("ca"), [], checks)


def _found(demo: Demo) -> tuple[list[Authority], Check]:
    ca, people = demo.app.ca, demo.people
    ceremony = founding.propose(demo)
    alone = _refused(
        translate(N_("one officer alone founds no CA")),
        "weicheng ca ceremony perform",
        lambda: ca.ceremonies.perform(people["officer"], ceremony),
    )
    authorities = founding.perform(demo, ceremony)
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE, KeyRole.LOG):
        ca.services.provision(people["officer"], role)
    for authority in authorities:
        if authority.signs_here:  # the offline root's list was signed with the rest
            ca.publication.publish(authority.id, people["officer"])
    ca.hierarchy.minutes.seal(people["officer"])
    return authorities, alone


def _file(demo: Demo, number: int) -> Request:
    profile, subject, names, who, unit = _APPLICATIONS[number]
    subject = {"O": demo.floor.settings.organisation, **subject}
    csr = _openssl_csr(demo, subject["CN"]) if profile in ("device", "software", "officer") else None
    return demo.app.ca.registration.file(
        demo.people[who],
        profile=profile,
        subject=subject,
        names=names,
        unit=unit,
        evidence=_EVIDENCE,
        csr=csr,
    )


def _openssl_csr(demo: Demo, name: str) -> bytes:
    """A key pair and CSR made by the applicant's own OpenSSL."""
    folder = demo.folder / "applicants"
    folder.mkdir(mode=0o700, exist_ok=True)
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(folder / f"{name}.key"), "-utf8", "-subj", f"/CN={name}", "-outform", "DER"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _refused(name: str, command: str, act: Callable[[], object]) -> Check:
    """What the same person tries a second time must be refused."""
    try:
        act()
    except NotPermitted as error:
        return Check(name, command, True, error.text())
    return Check(name, command, False, "")


def _approve(demo: Demo, request: Request) -> Certificate:
    issued = demo.app.ca.registration.approve(demo.people["officer"], request.id)
    if not isinstance(issued, Certificate):
        raise Unavailable(N_("The certificate was not issued."), place=request.id)
    demo.progress(f"{issued.subject}")
    return issued


def _keep_keys(demo: Demo, requests: list[Request], authorities: list[Authority]) -> None:
    """Keys made here go where they are used; the officer gets a PKCS#12 file and, apart from it, its password."""
    registrar, tls = demo.people["city_registrar"], demo.folder / "tls"
    for number, name in ((2, "console"), (4, "collector")):
        chain, key = demo.app.ca.registration.deliver_pem(registrar, requests[number].id)
        write_private(tls / f"{name}.pem", chain)
        write_private(tls / f"{name}.key", key)
    pem = [certificate_pem(authority.certificate) for authority in authorities]
    write_private(tls / "ca.pem", b"".join(pem))
    write_private(tls / "root.pem", pem[0])
    write_private(tls / "issuing.pem", b"".join(pem[1:]))
    data = demo.app.ca.registration.deliver_pkcs12(registrar, requests[5].id)
    password = demo.app.ca.registration.tell_password(demo.people["officer"], requests[5].id)
    write_private(demo.folder / "people" / "li.na.p12", data)
    write_private(demo.folder / "people" / "li.na.p12.password", password.encode())


def _bind_officer(demo: Demo, certificate: Certificate) -> None:
    demo.app.identity.bind_certificate(demo.people["sysadmin"], "li.na", certificate.der)


def _status_service(demo: Demo) -> None:
    """CRL, OCSP and time-stamps over HTTP, in the process that serves them in production."""
    log = demo.folder / "status.log"
    demo.processes.start("status", [sys.executable, "-m", "console.main", "serve", "ocsp"], log=log)
    url = demo.floor.settings.status.public_url + "/healthz"
    for _ in range(200):
        try:
            with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except OSError:
            demo.processes.ensure_running("status", log)
            time.sleep(0.1)
    raise Unavailable(N_("The status service does not answer."), place=str(log))


def _checks(demo: Demo, authorities: list[Authority], good: Certificate, revoked: Certificate) -> list[Check]:
    work = demo.folder / "checks"
    work.mkdir(mode=0o700, exist_ok=True)
    url = demo.floor.settings.status.public_url
    for authority in authorities:
        with urlopen(f"{url}/crl/{authority.id}.crl", timeout=10) as answer:  # noqa: S310 - our own address
            (work / f"{authority.id}.crl").write_bytes(answer.read())
        (work / f"{authority.id}.pem").write_bytes(certificate_pem(authority.certificate))
        _run(work, f"openssl crl -inform DER -in {authority.id}.crl -out {authority.id}.crl.pem")
    for name, certificate in (("good", good), ("revoked", revoked)):
        (work / f"{name}.pem").write_bytes(certificate_pem(certificate.der))
    for name in ("root.pem", "issuing.pem"):
        (work / name).write_bytes((demo.folder / "tls" / name).read_bytes())
    lists = [(work / f"{authority.id}.crl.pem").read_bytes() for authority in authorities]
    (work / "crls.pem").write_bytes(b"".join(lists))
    issuers = {"good": good.authority, "revoked": revoked.authority}
    return [*_crl_checks(work), *_ocsp_checks(work, url, issuers), _timestamp_check(work, url)]


def _crl_checks(work: Path) -> list[Check]:
    verify = (
        "openssl verify -x509_strict -crl_check_all -CAfile root.pem -untrusted issuing.pem -CRLfile crls.pem"
    )
    good, revoked = _run(work, f"{verify} good.pem"), _run(work, f"{verify} revoked.pem")
    return [
        Check("openssl verify: good", f"{verify} good.pem", good[0] == 0, good[1]),
        Check(
            "openssl verify: revoked",
            f"{verify} revoked.pem",
            revoked[0] != 0 and "certificate revoked" in revoked[1],
            revoked[1],
        ),
    ]


def _ocsp_checks(work: Path, url: str, issuers: Mapping[str, str]) -> list[Check]:
    """``issuers``: by the file's name, the CA that has issued it."""
    checks = []
    for name, issuer in issuers.items():
        ask = f"openssl ocsp -issuer {issuer}.pem -cert {name}.pem -CAfile root.pem -url {url}/ocsp"
        status, said = _run(work, ask)
        agreed = status == 0 and f"{name}.pem: {name}" in said and "Response verify OK" in said
        checks.append(Check(f"openssl ocsp: {name}", ask, agreed, said))
    return checks


def _timestamp_check(work: Path, url: str) -> Check:
    (work / "document.txt").write_text("电子政务文件\n")
    _run(work, "openssl ts -query -data document.txt -sha256 -cert -out query.tsq")
    from urllib.request import Request as HttpRequest

    query = (work / "query.tsq").read_bytes()
    asked = HttpRequest(f"{url}/tsa", query, {"Content-Type": "application/timestamp-query"})  # noqa: S310 - our own address
    with urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own address
        (work / "reply.tsr").write_bytes(answer.read())
    verify = "openssl ts -verify -queryfile query.tsq -in reply.tsr -CAfile root.pem -untrusted issuing.pem"
    status, said = _run(work, verify)
    return Check("openssl ts -verify", verify, status == 0 and "Verification: OK" in said, said)


def _run(work: Path, command: str) -> tuple[int, str]:
    done = subprocess.run(command.split(), cwd=work, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()[-600:]
