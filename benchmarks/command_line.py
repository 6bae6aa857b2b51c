"""What ``weicheng --help`` costs. Mark: under 0.5 CPU seconds. Peer: ``alembic --help``, a comparable command line."""

import sys
from pathlib import Path

from benchmarks.report import in_turn, line

ROUNDS = 15
MARK = 0.5


def main() -> None:
    folder = Path(sys.executable).parent
    ours, peer = in_turn([str(folder / "weicheng"), "--help"], [str(folder / "alembic"), "--help"], ROUNDS)
    line("help", "cpu_s", ours, peer, "alembic --help", mark=MARK, met=ours < MARK, n=ROUNDS)


if __name__ == "__main__":
    main()
