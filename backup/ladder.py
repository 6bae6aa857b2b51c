"""The verification ladder V0-V5: from the outcomes of single rungs to what may be claimed. Pure."""

from collections.abc import Iterable, Sequence

from backup.model import Level, LevelOutcome, Verdict


def reached(outcomes: Sequence[LevelOutcome]) -> Level:
    """The highest level that passed together with every level below it."""
    passed = {outcome.level for outcome in outcomes if outcome.verdict is Verdict.PASS}
    level = Level.NONE
    while level < Level.V5 and Level(level + 1) in passed:
        level = Level(level + 1)
    return level


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Fail when anything failed; else unknown when anything is unknown or nothing was asked; else pass."""
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    return Verdict.PASS if seen == {Verdict.PASS} else Verdict.UNKNOWN
