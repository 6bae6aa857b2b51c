"""What console and API show of disaster recovery."""

from backup.resources.plans import PLANS, REPLICAS
from backup.resources.proofs import DRILLS, VERIFICATIONS
from backup.resources.runs import RECEIPTS, RUNS

RESOURCES = (PLANS, REPLICAS, RUNS, RECEIPTS, VERIFICATIONS, DRILLS)
