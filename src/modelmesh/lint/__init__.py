"""What can be used and yet is hardly meant so: findings on a configuration, each with its code.

Every rule is a function of what was set up; `table` names them all. Nothing here asks anybody.
"""

from modelmesh.lint.setup import Finding, Setup
from modelmesh.lint.table import RULES, WITHOUT_A_FILE, findings

__all__ = ["RULES", "WITHOUT_A_FILE", "Finding", "Setup", "findings"]
