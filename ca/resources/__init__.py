"""What console and API show of the certificate authority."""

from ca.resources.anchors import ANCHORS, FOREIGN_CRLS
from ca.resources.batches import BATCHES
from ca.resources.blocklists import BLOCKLISTS
from ca.resources.bulk import BULK_REVOCATIONS, BULK_ROWS
from ca.resources.ceremonies import CEREMONIES
from ca.resources.certificates import CERTIFICATES
from ca.resources.ends import ENDS
from ca.resources.hierarchy import AUTHORITIES
from ca.resources.holders import OWN
from ca.resources.intents import INTENTS
from ca.resources.inventory import ENDPOINTS, FINDINGS
from ca.resources.lists import CRLS
from ca.resources.officers import REVOCATIONS
from ca.resources.offline import OFFLINE
from ca.resources.papers import PAPERS
from ca.resources.profiles import PROFILE_VERSIONS, PROFILES
from ca.resources.ranges import RANGES
from ca.resources.renewals import RENEWALS
from ca.resources.requests import REQUESTS
from ca.resources.restarts import LOG_RESTARTS
from ca.resources.resumptions import RESUMPTIONS
from ca.resources.services import SERVICES
from ca.resources.signer import KEYS, SIGNERS
from ca.resources.transparency import LOG_ENTRIES, TIMESTAMPS, TREE_HEADS
from ca.resources.validations import VALIDATIONS

RESOURCES = (
    REQUESTS,
    PAPERS,
    BATCHES,
    RENEWALS,
    OWN,
    CERTIFICATES,
    INTENTS,
    CRLS,
    SERVICES,
    AUTHORITIES,
    ENDS,
    REVOCATIONS,
    RESUMPTIONS,
    CEREMONIES,
    OFFLINE,
    PROFILES,
    PROFILE_VERSIONS,
    BLOCKLISTS,
    SIGNERS,
    KEYS,
    TREE_HEADS,
    LOG_ENTRIES,
    LOG_RESTARTS,
    TIMESTAMPS,
    VALIDATIONS,
    ANCHORS,
    FOREIGN_CRLS,
    ENDPOINTS,
    FINDINGS,
    RANGES,
    BULK_REVOCATIONS,
    BULK_ROWS,
)
