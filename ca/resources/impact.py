"""What a revocation touches, as people read it before they revoke."""

from typing import Any

from ca.impact import Impact
from ca.resources.labels import ROLES, common_name_of, profile_titles
from kernel.i18n import N_, translate
from kernel.identity.model import Principal


def touched(app: Any, principal: Principal, serial: str) -> list[str]:
    """What a revocation would touch, one line each; nothing for many at once."""
    return _told(app.ca.impacts.show(principal, serial), app, principal) if serial else []


def _told(impact: Impact, app: Any, principal: Principal) -> list[str]:
    found = impact.certificate
    named = {"subject": common_name_of(found.subject), "unit": found.unit_name or found.unit}
    kind = profile_titles(app, principal).get(found.profile, found.profile)
    lines = [
        translate(
            N_("%(subject)s of %(unit)s can use this certificate no more; it can not be undone."), **named
        ),
        translate(N_("Kind: %(profile)s"), profile=kind),
        *_told_of_authority(impact),
    ]
    if impact.places:
        seen = {"count": impact.places, "places": ", ".join(impact.seen)}
        lines.append(translate(N_("Seen at work at %(count)s places of the network: %(places)s"), **seen))
    if impact.service:
        role = translate(ROLES[impact.service].text)
        lines.append(
            translate(N_("A service of the suite works with it: %(role)s. Provision it anew."), role=role)
        )
    if impact.accounts:
        people = ", ".join(impact.accounts)
        lines.append(
            translate(N_("Accounts sign in with it, and open sessions end: %(people)s"), people=people)
        )
    if impact.successor:
        lines.append(translate(N_("A newer certificate is in use: %(serial)s"), serial=impact.successor))
    return lines


def _told_of_authority(impact: Impact) -> list[str]:
    """What ends with the certificate of a CA."""
    lines = []
    if impact.authority:
        ending = N_("It is a CA's: %(count)s living certificates below it end with it.")
        lines.append(translate(ending, count=impact.subordinates))
    hanging = N_("The CA %(name)s hangs on it, with %(count)s living certificates.")
    return lines + [translate(hanging, name=name, count=count) for name, count in impact.below]
