"""A collector over recorded screens: for tests and for offline collections brought on a disc from a separated network."""

from collections.abc import Iterator, Mapping, Sequence

from netops.collection.model import Fetched, HostKey, NotFetched, Outcome, Target, Unreachable

_RECORDED = HostKey("recorded", "SHA256:recorded")


class ReplayCollector:
    """Answers from ``screens`` (device name → what the configuration command showed)."""

    def __init__(self, screens: Mapping[str, str]) -> None:
        self.screens = dict(screens)

    def fetch(self, targets: Sequence[Target]) -> Iterator[Outcome]:
        for target in targets:
            screen = self.screens.get(target.name)
            if screen is None:
                yield NotFetched(target, Unreachable(f"{target.address}:{target.port}", "no recording"), 0.0)
            else:
                yield Fetched(target, screen, target.pinned or _RECORDED, 0.0)
