"""Certificate profiles (CA-2): data that says what a certificate of each kind may be, versioned and changed by two people."""

from ca.profiles.model import Lint, ProfileViolation, Usage
from ca.profiles.profile import Policy, Profile
from ca.profiles.reading import profile_of
from ca.profiles.register import Profiles
from ca.profiles.rules import Attribute, NameRules

__all__ = [
    "Attribute",
    "Lint",
    "NameRules",
    "Policy",
    "Profile",
    "ProfileViolation",
    "Profiles",
    "Usage",
    "profile_of",
]
