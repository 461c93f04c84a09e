"""The one place that grants: money, requests and tokens, within limits that hold exactly.

What an attempt may take at worst is reserved before it is made, and settled to what it took, or
released, when it ends. `windows` knows when a limit begins anew, `counts` what of it is taken,
`costs` what a request may cost and did cost.
"""

from modelmesh.ledger.alerts import Alerts
from modelmesh.ledger.ledger import Ask, Hold, Ledger, Short
from modelmesh.ledger.limits import NANO, Limit, Unit
from modelmesh.ledger.windows import Always, Daily

__all__ = ["NANO", "Alerts", "Always", "Ask", "Daily", "Hold", "Ledger", "Limit", "Short", "Unit"]
