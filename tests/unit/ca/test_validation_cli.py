"""Verification, trust anchors, inventory and bulk revocation at the command line: data that can be piped, and statuses."""

import hashlib
from pathlib import Path
from typing import Any

from ca.bulk.service import WORK
from ca.inventory.service import SCAN
from ca.jobs import handlers
from kernel.clock import FixedClock
from kernel.identity.access import Access
from kernel.jobs.queue import JobQueue
from kernel.pki.pem import certificate_pem
from tests.unit.ca.conftest import World
from tests.unit.ca.foreign import Foreign
from tests.unit.ca.signing import blank_pdf, cms, make_signer, signed_pdf
from tests.unit.ca.tls_servers import declare_loopback, self_signed, served


def work(world: World, clock: FixedClock, kind: str) -> None:
    queue = JobQueue(world.ca.database, clock, Access(world.ca.database))
    queue.register({kind: handlers(world.ca)[kind]})
    assert queue.run_next("w1")


def test_a_script_learns_by_the_status_whether_a_certificate_is_valid(
    world: World, at: Any, tmp_path: Path
) -> None:
    file, foreign = tmp_path / "a.pem", Foreign.make()
    file.write_bytes(certificate_pem(world.issue().der))
    told = at(world.registrar).run("validate", str(file), "--purpose", "email", "--keep")
    assert (told["verdict"], told["told"]) == ("valid", "")
    assert told["evidence"]
    file.write_bytes(foreign.leaf)
    told = at(world.registrar).run("validate", str(file), "--host", "x", status=7)
    assert told["report"]["refusal"]["reason"] == "no_path"
    table = at(world.registrar, "table").run("validate", str(file), status=7)
    assert "no_path" in table
    listed = at(world.registrar).run("validations", "list", "--verdict", "invalid")
    assert len(listed) == 2
    again = at(world.registrar).run("validations", "show", listed[0]["id"], status=7)
    assert again["digest"] == hashlib.sha256(foreign.leaf).hexdigest()


def test_documents_and_time_stamps(world: World, at: Any, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    document, signature, pdf, token = (tmp_path / name for name in ("a.bin", "a.p7s", "a.pdf", "a.tsr"))
    document.write_bytes(b"content" * 1000)
    signature.write_bytes(cms(signer, document))
    pdf.write_bytes(signed_pdf(signer, blank_pdf()))
    token.write_bytes(world.ca.timestamps.token(hashlib.sha256(document.read_bytes()).digest()))
    person = at(world.registrar)
    assert person.run("verify-document", str(document), "--signature", str(signature))["verdict"] == "valid"
    assert person.run("verify-document", str(pdf))["kind"] == "document"
    assert person.run("verify-timestamp", str(document), str(token))["verdict"] == "valid"
    document.write_bytes(b"other")
    told = person.run("verify-document", str(document), "--signature", str(signature), status=7)
    assert told["reason"] == "altered"
    assert "altered" in at(world.registrar, "table").run("validations", "show", told["id"], status=7)


def test_two_officers_trust_a_ca(world: World, at: Any, tmp_path: Path) -> None:
    foreign, root, crls = Foreign.make(), tmp_path / "root.cer", tmp_path / "crls.pem"
    root.write_bytes(foreign.root)
    crls.write_bytes(foreign.crls())
    first, second = at(world.officer), at(world.second)
    made = first.run("anchor", "propose", str(root), "--name", "省根", "--reason", "核对过")
    assert second.run("anchor", "accept", made["id"])["state"] == "trusted"
    assert len(first.run("anchor", "add-crl", str(crls))) == 2
    assert len(first.run("anchor", "crls")) == 2
    first.run("anchor", "export", made["id"], str(tmp_path / "out.cer"))
    assert (tmp_path / "out.cer").read_bytes() == foreign.root
    assert second.run("anchor", "remove", made["id"], "--reason", "不再互认")["state"] == "removed"
    again = first.run("anchor", "propose", str(root), "--name", "省根", "--reason", "核对过")
    second.run("anchor", "reject", again["id"], "--reason", "不同意")
    assert [one["state"] for one in first.run("anchor", "list")] == ["rejected", "removed"]


def test_the_inventory_from_range_to_finding(
    world: World, at: Any, clock: FixedClock, tmp_path: Path
) -> None:
    officer = at(world.officer)
    declare_loopback(world)
    with served(self_signed("a"), tmp_path) as port:
        new = ["--name", "机房", "--unit", "u_county", "--port", str(port), "--reason", "盘点"]
        made = officer.run("inventory", "add-range", "127.0.0.1/32", *new)
        assert officer.run("inventory", "scan", made["id"])["job"]
        work(world, clock, SCAN)
    [seen] = officer.run("inventory", "endpoints", "--fault", "self_signed")
    assert officer.run("inventory", "show", seen["id"])["origin"] == "self_signed"
    assert officer.run("inventory", "figures")["origins"] == {"self_signed": 1}
    [finding] = officer.run("inventory", "findings")
    assert officer.run("inventory", "take", finding["id"], "--reason", "处理中")["state"] == "taken"
    assert officer.run("inventory", "reopen", finding["id"], "--reason", "转交")["state"] == "open"
    officer.run("inventory", "change-range", made["id"], "--off", "--reason", "停用")
    assert officer.run("inventory", "ranges")[0]["enabled"] is False
    officer.run("inventory", "remove-range", made["id"], "--reason", "撤销")
    assert officer.run("inventory", "ranges") == []


def test_many_are_revoked_from_a_table(world: World, at: Any, clock: FixedClock, tmp_path: Path) -> None:
    serials = [world.issue(subject={"O": "局里", "CN": name}).serial for name in ("陈一", "陈二")]
    table = tmp_path / "serials.csv"
    table.write_text("\n".join(serials), encoding="utf-8")
    first, second = at(world.officer), at(world.second)
    assert first.run("bulk", "look", "--serials", str(table))["total"] == 2
    why = ["--code", "superseded", "--reason", "换发"]
    made = first.run("bulk", "propose", "--serials", str(table), *why)
    second.run("bulk", "perform", made["id"])
    work(world, clock, WORK)
    assert [one["outcome"] for one in first.run("bulk", "show", made["id"])] == ["revoked", "revoked"]
    assert first.run("bulk", "list")[0]["state"] == "performed"
    kept = first.run("bulk", "propose", "--profile", "ocsp-responder", *why)
    assert second.run("bulk", "reject", kept["id"], "--reason", "不同意")["state"] == "rejected"
