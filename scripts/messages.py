"""Messages in Chinese and English: compile, bring up to date, check.

    python -m scripts.messages compile             every <package>/locale/zh_CN.po to its .mo
    python -m scripts.messages update PACKAGE...   add new messages to the .po (empty), drop those no longer used
    python -m scripts.messages check               every marked message is translated, everywhere the same;
                                                   exit status 1 and one line a fault if not

A message is the English text in ``N_("...")``, ``_("...")`` or ``translate("...")`` in code and ``_("...")`` in templates.
Policy data carries both languages side by side: a mapping with ``zh`` has ``en`` and the other way round.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from kernel.i18n import PACKAGES

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "zh_CN"
KEYWORDS = {"N_": None, "_": None, "translate": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def catalogue_path(package: str) -> Path:
    return ROOT / package / "locale" / f"{LANGUAGE}.po"


def marked(package: str) -> dict[str, str]:
    """Every marked message of the package -> where it is first written (file:line)."""
    found: dict[str, str] = {}
    for file, line, message, _comments, _context in extract_from_dir(
        ROOT / package, method_map=METHODS, options_map={}, keywords=KEYWORDS
    ):
        for text in message if isinstance(message, tuple) else (message,):
            found.setdefault(text, f"{package}/{file}:{line}")
    return found


def read(package: str) -> Catalog:
    """The package's catalogue; an empty one where there is none yet."""
    path = catalogue_path(package)
    if not path.exists():
        return Catalog(locale=LANGUAGE, project="Weicheng", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE, abort_invalid=True)


def compile_all() -> None:
    for package in PACKAGES:
        if catalogue_path(package).exists():
            target = catalogue_path(package).with_suffix(".mo")
            fresh = target.with_suffix(".new")
            with fresh.open("wb") as file:
                write_mo(file, read(package))
            fresh.replace(target)


def update(package: str) -> None:
    """Bring the package's catalogue in line with its code; translations that are there stay as they are."""
    old, texts = read(package), marked(package)
    new = Catalog(locale=LANGUAGE, project="Weicheng", charset="utf-8", fuzzy=False)
    kept = [message.id for message in old if message.id in texts]
    for text in [*kept, *(text for text in sorted(texts) if text not in old)]:
        known = old.get(text)
        new.add(text, known.string if known else "")
    path = catalogue_path(package)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        write_po(file, new, width=110, no_location=True, omit_header=False)
    untranslated = sum(1 for message in new if message.id and not message.string)
    print(f"{path.relative_to(ROOT)}: {len(new)} messages, {untranslated} to translate")


def faults(package: str) -> Iterator[str]:
    """What is wrong with the package's messages, one line each."""
    texts, catalogue = marked(package), read(package)
    place = catalogue_path(package).relative_to(ROOT)
    for text, where in texts.items():
        message = catalogue.get(text)
        if message is None or not message.string:
            yield f"{where}: no {LANGUAGE} translation in {place}: {text!r}"
        else:
            yield from message_faults(message, text, f"{place}: {text!r}")
    for message in catalogue:
        if message.id and message.id not in texts:
            yield f"{place}: {message.id!r} is in no code"
    yield from (f"{place}: {text!r} is obsolete" for text in catalogue.obsolete)


def message_faults(message: Message, text: str, place: str) -> Iterator[str]:
    if message.fuzzy:
        yield f"{place} is marked fuzzy"
    wanted, got = set(PLACEHOLDER.findall(text)), set(PLACEHOLDER.findall(str(message.string)))
    if wanted != got:
        yield f"{place} has placeholders {sorted(got)} in place of {sorted(wanted)}"


def data_faults() -> Iterator[str]:
    """Policy data that speaks only one of the two languages."""
    for path in sorted((ROOT / "policies" / "data").rglob("*.yaml")):
        name = str(path.relative_to(ROOT))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield from one_sided(document, name)


def one_sided(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        if {"zh", "en"} & value.keys():
            yield from (f"{place}: {tongue} is missing" for tongue in ("zh", "en") if not value.get(tongue))
        for key, inner in value.items():
            yield from one_sided(inner, f"{place}: {key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from one_sided(inner, f"{place}[{number}]")


def disagreements(catalogues: Mapping[str, Catalog]) -> Iterator[str]:
    """Messages that packages translate differently: readers see that of the first package everywhere."""
    first: dict[str, tuple[str, str]] = {}
    for package, catalogue in catalogues.items():
        for message in catalogue:
            if message.id and message.string:
                other, text = first.setdefault(message.id, (package, message.string))
                if text != message.string:
                    yield f"{message.id!r} is {text!r} in {other} and {message.string!r} in {package}"


def check() -> int:
    found = [fault for package in PACKAGES for fault in faults(package)] + list(data_faults())
    found += disagreements({package: read(package) for package in PACKAGES})
    for fault in found:
        print(fault)
    print(f"translations: {len(found)} faults" if found else "translations: complete", file=sys.stderr)
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["compile"]:
            compile_all()
            return 0
        case ["update", *packages] if packages and set(packages) <= set(PACKAGES):
            for package in packages:
                update(package)
            return 0
        case ["check"]:
            return check()
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
