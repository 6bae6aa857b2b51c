"""What console and API show of the certificate authority."""

from ca.resources.ceremonies import CEREMONIES
from ca.resources.certificates import CERTIFICATES
from ca.resources.hierarchy import AUTHORITIES, CRLS
from ca.resources.officers import REVOCATIONS
from ca.resources.profiles import PROFILES
from ca.resources.requests import REQUESTS
from ca.resources.services import SERVICES

RESOURCES = (REQUESTS, CERTIFICATES, CRLS, SERVICES, AUTHORITIES, REVOCATIONS, CEREMONIES, PROFILES)
