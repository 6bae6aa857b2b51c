"""The second officer has a certificate for it and signs what she approves; without her signature she is refused."""

from pathlib import Path

from ca.model import Certificate, Request
from ca.registration.officer_key import key_in_file
from ca.registration.signatures import SignatureNeeded
from console.demo.model import Check, Demo
from kernel.errors import Unavailable
from kernel.i18n import N_, translate

LOGIN, NAME = "chen.jie", "陈杰"
APPLICATION = ("officer", {"CN": NAME, "UID": LOGIN}, (), "city_registrar", "u_city")


def appoint(demo: Demo, certificate: Certificate) -> None:
    """Bind the certificate to the account: from now on her approvals are signed."""
    demo.app.identity.bind_certificate(demo.people["sysadmin"], LOGIN, certificate.der)


def approve(demo: Demo, request: Request, own: Certificate, key: Path) -> tuple[Certificate, Check]:
    """Approve with the officer's own key; (the certificate, that she was refused without)."""
    registration, officer = demo.app.ca.registration, demo.people["second_officer"]
    told = ""
    try:
        registration.approve(officer, request.id)
    except SignatureNeeded as error:
        told = error.text()
    signer = key_in_file(own.der, key.read_bytes(), None)
    document = registration.approval_document(officer, request.id)
    signature = signer.approve(document, demo.floor.clock.now())
    issued = registration.approve(officer, request.id, signature=signature)
    if not isinstance(issued, Certificate):
        raise Unavailable(N_("The certificate was not issued."), place=request.id)
    demo.progress(f"{issued.subject}")
    name = translate(N_("an officer with a certificate has to sign what she approves"))
    return issued, Check(name, "weicheng ca approve --sign-with", bool(told), told)
