"""What console and API show of graded protection."""

from policies.resources.assessments import ASSESSMENTS, CONTROLS
from policies.resources.packages import PACKAGES
from policies.resources.remediations import REMEDIATIONS
from policies.resources.results import RESULTS
from policies.resources.systems import SYSTEMS

RESOURCES = (SYSTEMS, ASSESSMENTS, RESULTS, REMEDIATIONS, PACKAGES, CONTROLS)
