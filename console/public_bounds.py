"""What a public server takes on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """What one process takes on; of one address at most half of the connections and of the requests that wait."""

    connections: int = 1_024
    waiting: int = 512  # requests that wait for a thread
    body: int = 65_536  # octets of one request
    bodies: int = 1 << 25  # octets of all requests together
    batch: int = 1 << 18  # octets of requests that are answered together; a longer one is answered by itself
    # seconds that a batch waits, after one of TOGETHER, until as many are there; after shorter ones less, after one not at all
    gathering: float = 0.008
