"""The scripts of ceremonies: what is done in which order, by the system or by people who confirm it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ca.hierarchy.model import BY_HAND, Act, CeremonyKind, Step
from kernel.errors import Invalid
from kernel.i18n import N_

_FOUNDING = frozenset({Act.CONFIRM, Act.READ, Act.ROOT, Act.ISSUING})
_TONGUES = ("zh", "en")
_LONGEST = 60  # items of a checklist
TITLES: Mapping[Act, Mapping[str, str]] = {
    Act.READ: {"zh": "宣读并核对证书摘要", "en": "The certificate's digest is read aloud and compared"},
    Act.ROOT: {"zh": "产生根密钥与根证书", "en": "The root's key and certificate are made"},
    Act.ISSUING: {
        "zh": "产生签发 CA 的密钥与证书",
        "en": "Keys and certificates of the issuing CAs are made",
    },
    Act.RENEW: {"zh": "为同一密钥签发新证书", "en": "A new certificate is made for the same key"},
    Act.SUCCESSOR: {
        "zh": "产生下一代密钥与证书",
        "en": "Key and certificate of the next generation are made",
    },
    Act.LINKS: {
        "zh": "签发新旧两代之间的链接证书",
        "en": "Link certificates between the generations are made",
    },
    Act.CERTIFY: {"zh": "为外部 CA 签发交叉证书", "en": "The foreign CA is certified"},
    Act.ADOPT: {"zh": "接收上级 CA 的证书", "en": "The superior CA's certificates are taken over"},
    Act.ASSIGN: {"zh": "调整 CA 签发的模板", "en": "The CA's profiles are assigned"},
    Act.RETIRE: {"zh": "停止 CA 的签发", "en": "The CA is retired"},
}
_ACTS: Mapping[CeremonyKind, tuple[Act, ...]] = {
    CeremonyKind.EXTENSION: (Act.ISSUING,),
    CeremonyKind.RENEWAL: (Act.RENEW,),
    CeremonyKind.ROLLOVER: (Act.SUCCESSOR,),
    CeremonyKind.CROSS: (Act.CERTIFY,),
    CeremonyKind.ADOPTION: (Act.ADOPT,),
    CeremonyKind.ASSIGNMENT: (Act.ASSIGN,),
    CeremonyKind.RETIREMENT: (Act.RETIRE,),
}


def script_of(kind: CeremonyKind, plan: Mapping[str, Any]) -> list[Step]:
    """The steps of a ceremony, numbered from 1."""
    if kind is CeremonyKind.FOUNDING:
        return _numbered(_founding(plan))
    acts = _ACTS[kind]
    if plan.get("links"):
        acts += (Act.LINKS,)
    return _numbered([(act, TITLES[act], "") for act in acts])


def check_script(checklist: Sequence[Mapping[str, Any]]) -> None:
    """Invalid unless a checklist of a founding makes the root once, then the issuing CAs, and reads what there is."""
    try:
        acts = [Act(item["do"]) for item in checklist]
        whole = all(map(_is_item, checklist))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _wrong() from error
    made = [act for act in acts if act not in BY_HAND]
    read = [(acts[:place], item.get("of")) for place, item in enumerate(checklist) if acts[place] is Act.READ]
    reads_right = all(of in ("root", "issuing") and Act(of) in before for before, of in read)
    right = made == [Act.ROOT, Act.ISSUING] and set(acts) <= _FOUNDING and len(acts) <= _LONGEST
    if checklist and not (right and whole and reads_right):
        raise _wrong()


def _is_item(item: Mapping[str, Any]) -> bool:
    """Its act, its titles, and whose digest is read. Nothing else is kept: by aliases a few lines of YAML hold more than any
    memory once they are written out."""
    known = {"do", "title", "of"} if item["do"] == Act.READ else {"do", "title"}
    titles = item["title"]
    return (
        item.keys() <= known
        and titles.keys() == set(_TONGUES)
        and all(isinstance(title, str) for title in titles.values())
    )


def _founding(plan: Mapping[str, Any]) -> list[tuple[Act, Mapping[str, str], str]]:
    listed = plan["checklist"] or [{"do": act, "title": TITLES[act]} for act in (Act.ROOT, Act.ISSUING)]
    found: list[tuple[Act, Mapping[str, str], str]] = []
    for item in listed:
        act = Act(item["do"])
        read = [] if act is not Act.READ else [plan["root"]] if item["of"] == "root" else plan["issuing"]
        found += [(act, item["title"], one["id"]) for one in read] or [(act, item["title"], "")]
    return found


def _numbered(found: Sequence[tuple[Act, Mapping[str, str], str]]) -> list[Step]:
    return [Step(number, *one) for number, one in enumerate(found, start=1)]


def _wrong() -> Invalid:
    return Invalid(
        N_("The checklist has to make the root and then the issuing CAs, and to read digests after that."),
        mend=N_("Compare it with the files of policies/data/hierarchies."),
        place="checklist",
    )
