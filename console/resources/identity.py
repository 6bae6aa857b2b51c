"""People and what they are let in with: accounts, units, sessions, API tokens, approvals."""

from console.resources.identity_access import APPROVALS, SESSIONS, TOKENS
from console.resources.identity_people import ACCOUNTS, UNITS

RESOURCES = (APPROVALS, ACCOUNTS, UNITS, SESSIONS, TOKENS)
