"""The CA is founded as an office would do it: an offline root, a checklist before witnesses, files carried to and fro."""

from ca.hierarchy.machine import OfflineMachine
from ca.hierarchy.model import Act, CeremonyState
from ca.hierarchy.offline import read_request
from ca.model import Authority, AuthorityKind
from ca.signer.keyfile import KeyFileSigner
from console.demo.model import Demo
from kernel.i18n import N_, translate
from kernel.store.listing import Ask

_SPOKEN = 32  # digits of a digest that are read aloud


def propose(demo: Demo) -> str:
    """The officer's plan: the government's hierarchy."""
    people, ceremonies = demo.people, demo.app.ca.ceremonies
    witnesses = (people["auditor"].name, people["dr_admin"].name)
    plan = ceremonies.plan(people["officer"], demo.floor.settings.organisation, witnesses, "government")
    return ceremonies.propose(people["officer"], plan)


def perform(demo: Demo, ceremony: str) -> list[Authority]:
    """The second officer goes through all steps; root first."""
    ceremonies, second = demo.app.ca.ceremonies, demo.people["second_officer"]
    ceremonies.perform(second, ceremony)
    while ceremonies.show(second, ceremony).state is CeremonyState.RUNNING:
        _step(demo, ceremony)
    demo.progress(translate(N_("root and issuing CAs founded by two officers")))
    found = [one for one in demo.app.ca.authorities() if one.kind is not AuthorityKind.SUPERIOR]
    return sorted(found, key=lambda one: one.kind is not AuthorityKind.ROOT)


def _step(demo: Demo, ceremony: str) -> None:
    """Confirm the next item as a witness would, or have signed what waits for the offline machine."""
    ceremonies, second = demo.app.ca.ceremonies, demo.people["second_officer"]
    found = ceremonies.show(second, ceremony)
    step = found.next
    if step is None or not step.by_hand:
        _carry(demo)
        return
    digest = ""
    if step.act is Act.READ:
        results = [done.result or {} for done in found.steps]
        digest = next(
            one["authorities"][step.about] for one in results if step.about in one.get("authorities", {})
        )
    ceremonies.confirm(second, ceremony, step.number, found.witnesses[0], digest=digest[:_SPOKEN])


def _carry(demo: Demo) -> None:
    """What waits goes to the machine with the root's key file, and its answer comes back."""
    offline, second = demo.app.ca.hierarchy.offline, demo.people["second_officer"]
    folder = demo.folder / "offline"
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = KeyFileSigner(folder / "root.keys", _PASSPHRASE)
    machine = OfflineMachine(keys, folder / "root.keys.journal", demo.app.clock.now)
    (waiting,) = offline.page(second, Ask(filters={"state": ("waiting",)})).items
    asked = read_request(offline.export(second, waiting.id))
    offline.take(second, machine.sign(asked, demo.people["officer"].name).encode())
    demo.progress(translate(N_("the offline root has signed %(count)s orders"), count=len(asked.orders)))


_PASSPHRASE = "demonstration of an offline root"  # noqa: S105 - of the demo's own, throw-away key file
