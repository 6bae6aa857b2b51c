"""Keys in an HSM when things go wrong: token away, PIN changed, keys replaced, files edited, several signers, a fork."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from ca.signer import cryptoki
from ca.signer.backends import Backend, Backends, PinRefused, Place, Secrets
from ca.signer.keyfile import KeyFileSigner
from ca.signer.model import KeyRole, Purpose, SigningRefused
from ca.signer.pkcs11 import TokenKeys
from kernel.errors import Conflict, IntegrityFailed, Unavailable
from kernel.pki.algorithms import UnknownAlgorithm, algorithm, verify
from tests.contract.test_signer import attributes
from tests.support.softhsm import SoftToken, new_token


@dataclass
class Hsm:
    """A token with one key, ``evidence``, and the signer that uses it."""

    token: SoftToken
    index: Path
    keys: TokenKeys

    def another(self, *, pin: str = "", label: str = "", index: Path | None = None) -> TokenKeys:
        """One more signer on the same token."""
        return TokenKeys(
            self.token.module, label or self.token.label, pin or self.token.pin, index or self.index
        )

    def sign(self, keys: TokenKeys | None = None) -> None:
        key = next(key for key in (keys or self.keys).keys() if key.name == "evidence")
        made = (keys or self.keys).sign("evidence", Purpose.EVIDENCE, attributes())
        verify(key.spki, algorithm(key.algorithm).digest, made, attributes())

    def objects(self, use: Callable[[pkcs11.Session], object]) -> None:
        """What somebody with the PIN does to the token by other software."""
        library = pkcs11.lib(str(self.token.module))
        session = library.get_token(token_label=self.token.label).open(rw=True)
        use(session)


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hsm]:
    monkeypatch.setattr(cryptoki, "_HOLD_OFF_SECONDS", 0.0)
    token = new_token(tmp_path / "soft", monkeypatch)
    keys = TokenKeys(token.module, token.label, token.pin, tmp_path / "token.index")
    keys.generate("evidence", KeyRole.EVIDENCE, "p256")
    yield Hsm(token, tmp_path / "token.index", keys)
    keys.close()


# --- what is on the token
def test_an_outside_client_finds_a_private_key_that_can_only_sign_and_never_leave(hsm: Hsm) -> None:
    listed = hsm.token.pkcs11_tool("--list-objects", "--type", "privkey")
    assert "weicheng:evidence:evidence" in listed
    usage = next(line for line in listed.splitlines() if "Usage" in line)
    assert usage.split(":")[1].strip() == "sign"
    access = next(line for line in listed.splitlines() if "Access" in line)
    assert {"sensitive", "never extractable", "local"} <= {
        one.strip() for one in access.split(":")[1].split(",")
    }


def test_an_outside_client_signs_with_it_and_the_public_key_we_list_verifies(
    hsm: Hsm, tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(hashlib.sha256(b"what is signed").digest())
    hsm.token.pkcs11_tool(
        "--sign", "--mechanism", "ECDSA", "--signature-format", "openssl", "--label",
        "weicheng:evidence:evidence", "--input-file", str(tmp_path / "data"), "--output-file", str(tmp_path / "sig"),
    )  # fmt: skip
    (key,) = hsm.keys.keys()
    verify(key.spki, "sha256", (tmp_path / "sig").read_bytes(), b"what is signed")


def test_nobody_makes_an_issuing_key_of_another(hsm: Hsm) -> None:
    def rename(session: pkcs11.Session) -> None:
        (key,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        with pytest.raises(pkcs11.PKCS11Error):
            key[Attribute.LABEL] = "weicheng:issuing:evidence"
        with pytest.raises(pkcs11.PKCS11Error):
            key.copy({Attribute.LABEL: "weicheng:issuing:evidence"})

    hsm.objects(rename)
    content = json.loads(hsm.index.read_text())
    content["keys"][0]["role"] = "issuing"
    hsm.index.write_text(json.dumps(content))
    with pytest.raises(IntegrityFailed, match=r"index of the keys .* was changed"):
        hsm.another().keys()
    with pytest.raises(IntegrityFailed):
        hsm.sign()


def test_a_key_put_in_the_place_of_ours_is_refused(hsm: Hsm) -> None:
    def replaced(session: pkcs11.Session) -> None:
        (old,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        identity = old[Attribute.ID]
        for one in list(session.get_objects({Attribute.ID: identity})):
            one.destroy()
        curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(
            id=identity,
            label="weicheng:evidence:evidence",
            store=True,
            capabilities=pkcs11.MechanismFlag.SIGN,
        )

    hsm.objects(replaced)
    with pytest.raises(IntegrityFailed, match="it was replaced"):
        hsm.sign()


def test_a_key_that_is_no_more_on_the_token_is_named(hsm: Hsm) -> None:
    def destroyed(session: pkcs11.Session) -> None:
        (key,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        key.destroy()

    hsm.objects(destroyed)
    with pytest.raises(IntegrityFailed, match=r"key evidence is not on the token .* as the index says"):
        hsm.sign()
    hsm.keys.probe()


def test_a_role_bounds_what_a_key_on_the_token_signs(hsm: Hsm) -> None:
    for purpose in (Purpose.CERTIFICATE, Purpose.CRL):
        with pytest.raises(SigningRefused):
            hsm.keys.sign("evidence", purpose, attributes())
        with pytest.raises(SigningRefused):
            hsm.keys.sign_digest("evidence", purpose, bytes(32))


def test_an_algorithm_that_the_token_lacks_is_told_with_those_it_has(hsm: Hsm) -> None:
    configuration = hsm.token.folder / "softhsm2.conf"
    configuration.write_text(f"{configuration.read_text()}slots.mechanisms = -CKM_MD5,CKM_EDDSA\n")
    less = hsm.another()
    with pytest.raises(
        UnknownAlgorithm, match=r"has no algorithm ed25519. Supported: p256, p384, rsa2048, rsa3072"
    ):
        less.generate("another", KeyRole.OCSP, "ed25519")
    assert [key.name for key in less.keys()] == ["evidence"]


def test_what_the_token_refuses_is_told_and_leaves_nothing(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for does not fit, whatever its list of mechanisms promised."""
    from ca.signer import pkcs11 as module

    with monkeypatch.context() as patched:
        patched.setitem(module._PRIVATE, Attribute.KEY_TYPE, pkcs11.KeyType.RSA)
        with pytest.raises(Unavailable, match=r"refuses \(\w+\)"):
            hsm.keys.generate("another", KeyRole.OCSP, "p256")
    assert [key.name for key in hsm.keys.keys()] == ["evidence"]
    assert hsm.keys.generate("another", KeyRole.OCSP, "p256").name == "another"


# --- the token goes and comes
def test_a_token_that_went_is_told_and_signing_goes_on_when_it_is_back(hsm: Hsm) -> None:
    hsm.sign()
    away = hsm.token.folder / "away"
    hsm.token.tokens.rename(away)
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer") as told:
            hsm.sign()
        assert "goes on by itself" in told.value.mend
    with pytest.raises(Unavailable):
        hsm.keys.generate("another", KeyRole.OCSP, "p256")
    with pytest.raises(Unavailable):
        hsm.keys.probe()
    away.rename(hsm.token.tokens)
    hsm.sign()
    hsm.keys.generate("another", KeyRole.OCSP, "p256")


def test_who_asks_often_while_it_is_away_is_answered_at_once(
    hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cryptoki, "_HOLD_OFF_SECONDS", 60.0)
    starts: list[int] = []
    real = cryptoki.Module.restart
    hsm.token.tokens.rename(hsm.token.folder / "away")
    monkeypatch.setattr(cryptoki.Module, "restart", lambda module: (starts.append(1), real(module))[1])
    for _ in range(20):
        with pytest.raises(Unavailable):
            hsm.sign()
    assert len(starts) == 1


def test_a_token_that_gives_few_sessions_is_used_with_those(
    hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    hsm.sign()
    real, given = hsm.keys._pool._token, [1]

    class Few:
        def open(self, **_: object) -> object:
            if given[0] >= 3:
                raise pkcs11.SessionCount
            given[0] += 1
            return real.open(rw=True)  # type: ignore[union-attr]

    monkeypatch.setattr(hsm.keys._pool, "_token", Few())
    three = Barrier(3, timeout=20)  # so that three are in use at once, and the fourth waits
    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(hsm.keys._pool.run, lambda _lease: three.wait()) for _ in range(6)]:
            done.result()
    assert given == [3]
    hsm.sign()


def test_a_token_that_goes_while_nobody_signs_is_noticed_by_who_looks(hsm: Hsm) -> None:
    hsm.keys.probe()
    away = hsm.token.folder / "away"
    hsm.token.tokens.rename(away)
    with pytest.raises(Unavailable, match="does not answer"):
        hsm.keys.probe()
    away.rename(hsm.token.tokens)
    hsm.keys.probe()


def test_sessions_that_others_ended_are_opened_anew(hsm: Hsm) -> None:
    hsm.sign()
    hsm.keys._pool._module.restart()  # type: ignore[union-attr]
    hsm.sign()


def test_a_changed_pin_is_tried_once_and_not_until_the_token_is_locked(hsm: Hsm) -> None:
    wrong = hsm.another(pin="0000-0000")
    for _ in range(20):
        with pytest.raises(PinRefused, match="refuses the PIN"):
            wrong.keys()
    hsm.another().keys()
    with pytest.raises(PinRefused) as told:
        wrong.probe()
    assert "0000" not in str(told.value)


def test_a_locked_token_is_not_tried_at_all(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    class Locked:
        flags = pkcs11.TokenFlag.USER_PIN_LOCKED

        def open(self, **given: object) -> None:
            tried.append(given)

    monkeypatch.setattr(cryptoki.Module, "token", lambda _module, _label: Locked())
    with pytest.raises(PinRefused, match="or is locked"):
        hsm.another().keys()
    assert not tried


def test_a_wrong_module_and_a_wrong_label_are_told(hsm: Hsm, tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for path in (tmp_path / "none.so", tmp_path / "text.so", Path("/lib/x86_64-linux-gnu/libc.so.6")):
        with pytest.raises(Unavailable, match="module can not be loaded") as told:
            TokenKeys(path, hsm.token.label, hsm.token.pin, hsm.index).keys()
        assert told.value.place == str(path)
    with pytest.raises(Unavailable, match="token nowhere does not answer"):
        hsm.another(label="nowhere").keys()


# --- files and signers
def test_without_its_index_the_tokens_keys_are_not_taken_for_ours(hsm: Hsm, tmp_path: Path) -> None:
    other = hsm.another(index=tmp_path / "other.index")
    for act in (other.keys, lambda: other.generate("k", KeyRole.OCSP, "p256")):
        with pytest.raises(IntegrityFailed, match="is missing"):
            act()
    hsm.index.unlink()
    with pytest.raises(IntegrityFailed, match="is missing"):
        hsm.keys.keys()


def test_an_index_of_another_token_is_refused(
    hsm: Hsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_token(tmp_path / "other", monkeypatch)
    with pytest.raises(IntegrityFailed, match="belongs to another token"):
        TokenKeys(other.module, other.label, other.pin, hsm.index).keys()


def test_two_signers_on_one_token_see_each_others_keys_and_take_no_name_twice(hsm: Hsm) -> None:
    second = hsm.another()
    second.generate("ocsp", KeyRole.OCSP, "p256")
    assert [key.name for key in hsm.keys.keys()] == ["evidence", "ocsp"]
    with pytest.raises(Conflict):
        hsm.keys.generate("ocsp", KeyRole.OCSP, "p256")
    hsm.sign()
    hsm.sign(second)


def test_a_making_that_was_interrupted_leaves_nothing_behind(
    hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair is made, the power fails before the index has it: nobody was told of it, and it is made anew."""

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hsm.keys._index, "complete", fails)
        with pytest.raises(KeyboardInterrupt):
            hsm.keys.generate("issuing", KeyRole.ISSUING, "p256")
    again = hsm.another()
    assert [key.name for key in again.keys()] == ["evidence"]
    made = again.generate("issuing", KeyRole.ISSUING, "p256")
    listed = hsm.token.pkcs11_tool("--list-objects", "--type", "privkey")
    assert listed.count("weicheng:issuing:issuing") == 1
    assert made in again.keys()


def test_many_threads_sign_at_once(hsm: Hsm) -> None:
    with ThreadPoolExecutor(24) as threads:
        for done in [threads.submit(hsm.sign) for _ in range(240)]:
            done.result()


def test_threads_that_sign_while_the_token_goes_and_comes_get_a_signature_or_a_typed_error(hsm: Hsm) -> None:
    away = hsm.token.folder / "away"

    def once() -> bool:
        try:
            hsm.sign()
        except Unavailable:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        asked = [threads.submit(once) for _ in range(60)]
        assert asked[0].result()
        hsm.token.tokens.rename(away)
        asked += [threads.submit(once) for _ in range(60)]
        results = [one.result() for one in asked]
        away.rename(hsm.token.tokens)
        assert all(one.result() for one in [threads.submit(once) for _ in range(30)])
    assert set(results) == {True, False}


def test_a_forked_process_has_sessions_of_its_own(hsm: Hsm) -> None:
    hsm.sign()
    child = os.fork()
    if child == 0:
        try:
            hsm.sign()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - told by the status
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    hsm.sign()


# --- two places at once
@pytest.fixture
def both(hsm: Hsm, tmp_path: Path) -> Backends:
    """Issuing keys on the token, others in the key file."""
    file = KeyFileSigner(tmp_path / "signer.keys", "a-long-enough-passphrase")
    return Backends(
        {
            Place.FILE: Backend(file, "signer.keys", file.keys, file.change_passphrase, file.close),
            Place.TOKEN: Backend(
                hsm.keys, hsm.token.label, hsm.keys.probe, hsm.keys.change_pin, hsm.keys.close
            ),
        },
        frozenset({KeyRole.ROOT, KeyRole.ISSUING}),
    )


def test_each_role_has_its_place(both: Backends, hsm: Hsm) -> None:
    both.generate("root", KeyRole.ROOT, "p256")
    both.generate("ocsp", KeyRole.OCSP, "p256")
    found = {str(one.place): [key.name for key in keys] for one, keys in both.standing()}
    assert found == {"file": ["ocsp"], "token": ["evidence", "root"]}
    with pytest.raises(Conflict):
        both.generate("evidence", KeyRole.EVIDENCE, "p256")


def test_keys_of_the_file_sign_while_the_token_is_away(both: Backends, hsm: Hsm) -> None:
    both.generate("stamp", KeyRole.TIMESTAMP, "p256")
    stamped = attributes("1.2.840.113549.1.9.16.1.4")
    hsm.token.tokens.rename(hsm.token.folder / "away")
    assert both.sign("stamp", Purpose.TIMESTAMP, stamped)
    with pytest.raises(Unavailable):
        both.sign("evidence", Purpose.EVIDENCE, attributes())
    (_, file), (token, none) = sorted(both.standing(), key=lambda one: one[0].place)[0], both.standing()[1]
    assert [key.name for key in file] == ["stamp"]
    assert (token.fault is not None, none) == (True, ())


def test_both_secrets_are_changed_and_the_old_ones_open_nothing(
    both: Backends, hsm: Hsm, tmp_path: Path
) -> None:
    both.generate("ocsp", KeyRole.OCSP, "p256")
    new = Secrets("another long passphrase", "9876543210123456")
    assert both.change_secrets(new) == new
    assert both.sign("evidence", Purpose.EVIDENCE, attributes())
    both.close()
    with pytest.raises(PinRefused):
        hsm.another().keys()
    hsm.sign(hsm.another(pin=new.pin))
    with pytest.raises(IntegrityFailed):
        KeyFileSigner(tmp_path / "signer.keys", "a-long-enough-passphrase").keys()


def test_after_it_is_closed_nothing_is_signed(hsm: Hsm) -> None:
    hsm.sign()
    hsm.keys.close()
    with pytest.raises(Unavailable):
        hsm.sign()


# --- the process
def test_the_signer_takes_no_secret_from_its_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "--lang", "en", "serve", "signer"],
        env={
            **os.environ,
            "WEICHENG_DATA_DIR": str(tmp_path),
            "WEICHENG_SIGNER__PASSPHRASE": "a-long-enough-passphrase",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "takes no secret from its environment" in done.stderr
    assert "a-long-enough" not in done.stdout + done.stderr
