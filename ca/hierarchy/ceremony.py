"""Ceremonies: what one officer proposed another performs, step by step, before witnesses (CA-1, CA-11).

The approval binds the plan's digest. Each step is recorded as it is done; after a break, and when an answer of an offline CA
has come back, the ceremony goes on where it stopped. When it is over its minutes are written and become evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ca import store
from ca.hierarchy import minutes
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.acts.base import Acting, Outcome, Tools, Work
from ca.hierarchy.acts.changes import Adopt, Assign, Certify, Retire
from ca.hierarchy.acts.founding import MakeIssuing, MakeRoot
from ca.hierarchy.acts.renewal import LinkGenerations, MakeSuccessor, Renew
from ca.hierarchy.ferry import Ferry
from ca.hierarchy.model import Act, Carried, Ceremony, CeremonyState, OfflineState, Step
from ca.hierarchy.orders import carry_out, order_of
from ca.hierarchy.plan import CeremonyPlan, Hierarchies, plan_from_file
from ca.hierarchy.proposals import Proposals
from ca.model import Authority
from ca.ports import Evidence
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotPermitted
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.i18n import N_, current_language
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.store import UnitOfWork
from kernel.store.listing import Ask, Page, page_of

READ_ALOUD = 16  # hexadecimal digits of a digest that are compared


class Ceremonies:
    """Shows, performs and rejects ceremonies; ``proposals`` opens them."""

    def __init__(
        self,
        tools: Tools,
        access: Access,
        approvals: Approvals,
        proposals: Proposals,
        ferry: Ferry,
        evidence: Evidence,
        hierarchies: Hierarchies,
    ) -> None:
        self._tools = tools
        self._database, self._clock = tools.database, tools.clock
        self._access = access
        self._approvals = approvals
        self._proposals = proposals
        self._ferry = ferry
        self._evidence = evidence
        self._hierarchies = hierarchies
        self._acts: Mapping[Act, Acting] = {
            Act.ROOT: MakeRoot(tools),
            Act.ISSUING: MakeIssuing(tools),
            Act.RENEW: Renew(tools),
            Act.SUCCESSOR: MakeSuccessor(tools),
            Act.LINKS: LinkGenerations(tools),
            Act.CERTIFY: Certify(tools),
            Act.ADOPT: Adopt(tools),
            Act.ASSIGN: Assign(tools),
            Act.RETIRE: Retire(tools),
        }

    def page(self, principal: Principal, ask: Ask) -> Page[Ceremony]:
        """Ceremonies, newest first, without their steps. Filters: state, kind."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = hierarchy_store.read_ceremonies(connection)
        return page_of(
            found,
            ask,
            key=lambda one: one.id,
            text=lambda one: (one.id, one.title, one.proposer),
            filters={"state": lambda one: str(one.state), "kind": lambda one: str(one.kind)},
            orders={"proposed": lambda one: one.id},
            default="-proposed",
            facets=("state",),
        )

    def show(self, principal: Principal, ceremony_id: str) -> Ceremony:
        """One ceremony with its steps."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return hierarchy_store.read_ceremony(connection, ceremony_id)

    def plan(
        self,
        principal: Principal,
        organisation: str,
        witnesses: Sequence[str],
        hierarchy: str,
        document: bytes | None = None,
    ) -> CeremonyPlan:
        """What a ceremony by a hierarchy of the policies, or by a YAML document of one, would make."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        if document is not None:
            return plan_from_file(document, organisation, witnesses)
        return self._hierarchies.plan(hierarchy, organisation, witnesses)

    def titles(self) -> Mapping[str, str]:
        """The hierarchies of the policies: id -> title in the reader's language."""
        return self._hierarchies.titles("en" if current_language() == "en" else "zh")

    def propose(self, principal: Principal, plan: CeremonyPlan) -> str:
        """As ``Proposals.found``."""
        return self._proposals.found(principal, plan)

    def perform(self, principal: Principal, ceremony_id: str) -> list[Authority]:
        """Approve as the second officer and go on until something has to be confirmed or answered, or all is done.

        Called again after a break it goes on where it stopped. Returns the CAs made or changed so far.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            found = self._open(uow, ceremony_id)
            approval = self._approvals.get(uow, found.approval)
            if approval.digest != found.digest:
                raise IntegrityFailed(
                    N_("The plan is not the one that was proposed."), place=f"ceremony:{ceremony_id}"
                )
            if approval.state is not ApprovalState.APPROVED:
                self._approvals.decide(uow, found.approval, principal, approve=True)
                self._start(uow, principal, found)
            elif principal.id == found.proposed_by:
                raise NotPermitted(
                    N_("%(name)s asked for this and can not approve it."),
                    mend=N_("A second person has to decide."),
                    place=ceremony_id,
                    name=principal.name,
                )
        return self._advance(principal, ceremony_id)

    def confirm(
        self,
        principal: Principal,
        ceremony_id: str,
        number: int,
        person: str,
        *,
        remark: str = "",
        digest: str = "",
    ) -> Ceremony:
        """Confirm the next item in the name of an officer or witness, and go on.

        ``digest``: at least the first 16 digits of the SHA-256 that was read aloud, for an item that reads one.
        Conflict when another item is next, Invalid for a person who is not there, IntegrityFailed for another digest.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            found = self._open(uow, ceremony_id)
            step = _expected(found, number)
            _check_person(found, person)
            if step.act is Act.READ:
                _check_digest(_certificate_of(found, step.about), digest)
            self._done(uow, principal, found, step, person=person, remark=remark, result={})
        self._advance(principal, ceremony_id)
        return self.show(principal, ceremony_id)

    def reject(self, principal: Principal, ceremony_id: str, reason: str) -> Ceremony:
        """Turn it down, or break it off for good; what was made stays, what waits for an answer is void."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            found = self._open(uow, ceremony_id)
            if found.state is CeremonyState.PROPOSED:
                self._approvals.decide(uow, found.approval, principal, approve=False, reason=reason)
            self._ferry.void_of(uow, principal, found.id, reason)
            hierarchy_store.change_ceremony(uow.connection, found.id, state=str(CeremonyState.REJECTED))
            uow.audit(principal, AuditAction.CA_CEREMONY_REJECT, f"ceremony:{found.id}", reason=reason)
        return self.show(principal, ceremony_id)

    def answered(self, principal: Principal, ceremony_id: str) -> None:
        """Go on with an answer that has come back (Ferry)."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            self._open(uow, ceremony_id)
        self._advance(principal, ceremony_id)

    # --- one step after the other
    def _open(self, uow: UnitOfWork, ceremony_id: str) -> Ceremony:
        found = hierarchy_store.read_ceremony(uow.connection, ceremony_id, lock=True)
        if found.state in (CeremonyState.PERFORMED, CeremonyState.REJECTED):
            raise Conflict(
                N_("The ceremony is over (%(state)s)."),
                mend=N_("See: weicheng ca authorities."),
                place=ceremony_id,
                state=str(found.state),
            )
        return found

    def _start(self, uow: UnitOfWork, principal: Principal, found: Ceremony) -> None:
        values = {"state": str(CeremonyState.RUNNING), "performed_by": principal.id}
        hierarchy_store.change_ceremony(uow.connection, found.id, **values)
        details = {"plan": found.digest, "kind": str(found.kind)}
        uow.audit(principal, AuditAction.CA_CEREMONY_PERFORM, f"ceremony:{found.id}", details=details)

    def _advance(self, principal: Principal, ceremony_id: str) -> list[Authority]:
        while True:
            with self._database.read() as connection:
                found = hierarchy_store.read_ceremony(connection, ceremony_id)
            step = found.next
            if step is None:
                self._close(principal, found)
                break
            if found.state is not CeremonyState.RUNNING or step.by_hand:
                break
            outcome = self._acted(principal, found, step)
            if outcome is None:
                break
            with self._database.begin() as uow:
                self._done(uow, principal, self._open(uow, ceremony_id), step, result=vars(outcome))
        made = _made(found)
        with self._database.read() as connection:
            return [one for one in store.read_authorities(connection) if one.id in made]

    def _acted(self, principal: Principal, found: Ceremony, step: Step) -> Outcome | None:
        """None while an answer of an offline CA is waited for."""
        act = self._acts[step.act]
        work = self._begun(principal, found, step, act)
        carried = self._carried(principal, found, step, work)
        answers = iter(self._ferry.answers(carried) if carried else ())
        whole = []
        for order in work.orders:
            answer = next(answers, None) if order.offline else carry_out(order, self._tools.signer)
            if answer is None:
                return None
            whole.append(answer)
        outcome = act.end(principal, found.plan, work, whole)
        return replace(outcome, lines=[*outcome.lines, minutes.of_request(carried)]) if carried else outcome

    def _begun(self, principal: Principal, found: Ceremony, step: Step, act: Acting) -> Work:
        """The step's orders: kept before anything is signed, so that a crash finds the same ones."""
        with self._database.begin() as uow:
            current = self._open(uow, found.id)
            kept = current.steps[step.number - 1].work
            if kept is not None:
                return Work([order_of(one) for one in kept["orders"]], kept["memo"])
            work = act.begin(uow, principal, current.plan)
            stored = {"orders": [order.as_dict() for order in work.orders], "memo": dict(work.memo)}
            hierarchy_store.change_step(uow.connection, found.id, step.number, work=stored)
            return work

    def _carried(self, principal: Principal, found: Ceremony, step: Step, work: Work) -> Carried | None:
        """The answered request with the orders for keys on other machines; None while it is waited for, or needs none."""
        offline = [order for order in work.orders if order.offline]
        if not offline:
            return None
        with self._database.begin() as uow:
            self._open(uow, found.id)
            waiting = hierarchy_store.request_of_step(uow.connection, found.id, step.number)
            if waiting is None:
                approval = self._approvals.get(uow, found.approval)
                self._ferry.request(uow, principal, found, step, offline, approval)
                return None
        return waiting if waiting.state is OfflineState.ANSWERED else None

    def _done(
        self,
        uow: UnitOfWork,
        principal: Principal,
        found: Ceremony,
        step: Step,
        *,
        result: Mapping[str, Any],
        person: str = "",
        remark: str = "",
    ) -> None:
        if found.steps[step.number - 1].done_at is not None:
            return
        values = {"result": dict(result), "person": person, "remark": remark, "done_by": principal.name}
        now = self._clock.now()
        hierarchy_store.change_step(uow.connection, found.id, step.number, done_at=now, **values)
        details = {"number": step.number, "act": str(step.act), "person": person, "result": dict(result)}
        target = f"ceremony:{found.id}"
        uow.audit(principal, AuditAction.CA_CEREMONY_STEP, target, reason=remark, details=details)

    # --- its end
    def _close(self, principal: Principal, found: Ceremony) -> None:
        """Write the minutes; they are evidence."""
        if found.state is not CeremonyState.RUNNING:
            return
        now = self._clock.now()
        ended = replace(found, state=CeremonyState.PERFORMED, performed_at=now)
        text = minutes.text(ended)
        with self._database.begin() as uow:
            self._open(uow, found.id)
            values = {"state": str(ended.state), "performed_at": now, "minutes": text}
            hierarchy_store.change_ceremony(uow.connection, found.id, **values)
            self._record(uow, ended, text, now)

    def _record(self, uow: UnitOfWork, ended: Ceremony, text: str, now: datetime) -> None:
        approval = self._approvals.get(uow, ended.approval)
        summary = {
            "kind": str(ended.kind),
            "plan": ended.digest,
            "persons": [ended.proposed_by, *approval.approved_by],
            "witnesses": list(ended.witnesses),
            "authorities": _made(ended),
            "minutes": sha256_hex(text.encode()),
        }
        if "root" in ended.plan:
            summary["algorithm"] = ended.plan["root"]["algorithm"]
        self._evidence.record(
            uow,
            kind=EvidenceKind.CA_CEREMONY,
            subject=f"ceremony:{ended.id}",
            source="ca",
            summary=summary,
            attachments=[
                Attachment("minutes.txt", text.encode(), "text/plain"),
                Attachment("minutes.html", minutes.html(ended).encode(), "text/html"),
            ],
            collected_at=now,
        )


def _expected(found: Ceremony, number: int) -> Step:
    step = found.next
    if found.state is CeremonyState.RUNNING and step is not None and not step.by_hand:
        raise Conflict(
            N_("Item %(number)s is done by the system, nobody confirms it."),
            mend=N_("Perform again: it goes on, or tells what it waits for (weicheng ca offline list)."),
            place=found.id,
            number=step.number,
        )
    if found.state is not CeremonyState.RUNNING or step is None or step.number != number:
        waiting = step.number if step is not None else 0
        raise Conflict(
            N_("Item %(number)s is not to be confirmed now; next is %(next)s."),
            mend=N_("Items are confirmed in their order."),
            place=found.id,
            number=number,
            next=waiting,
        )
    return step


def _check_person(found: Ceremony, person: str) -> None:
    there = (*found.witnesses, *(name for name in (found.proposer, found.performer) if name))
    if person not in there:
        raise Invalid(
            N_("%(person)s takes no part in this ceremony."),
            mend=N_("Taking part: %(there)s."),
            place="person",
            person=person[:80],
            there=", ".join(there),
        )


def _check_digest(expected: str, seen: str) -> None:
    plain = "".join(seen.split()).replace(":", "").lower()
    if not plain:
        raise Invalid(
            N_("This item is confirmed with the SHA-256 that was read aloud."),
            mend=N_(
                "Read it from the certificate (weicheng ca authorities) and give at least %(digits)s digits."
            ),
            place="digest",
            digits=READ_ALOUD,
        )
    if len(plain) < READ_ALOUD or not expected.startswith(plain):
        raise IntegrityFailed(
            N_("The digest that was read aloud is another one."),
            mend=N_("Read at least its first %(digits)s digits again; if they differ, break off."),
            place="digest",
            digits=READ_ALOUD,
        )


def _made(found: Ceremony) -> dict[str, str]:
    """CAs made or changed so far, with the SHA-256 of their certificates."""
    results = [step.result or {} for step in found.steps]
    return {key: digest for one in results for key, digest in one.get("authorities", {}).items()}


def _certificate_of(found: Ceremony, authority: str) -> str:
    return _made(found)[authority]
