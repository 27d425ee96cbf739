"""Does the host hold what the store says, all of it, and nothing else?"""

from boxship.engine.audit.holdings import Finding, Holdings, Remedy, compare, expected
from boxship.engine.audit.service import Audit

__all__ = ["Audit", "Finding", "Holdings", "Remedy", "compare", "expected"]
