"""`b2bua check --media`: whether media can flow on this host as the configuration has it, and what to do if not.

`needs` says what the configuration asks of the host, `asking` has the relay's package look at it and try each form,
`judging` makes findings of both. Only `asking` is not pure.
"""

from b2bua.media_check.findings import MediaFinding, Verdict
from b2bua.media_check.judging import judge
from b2bua.media_check.needs import Needs, needs_of, wanted_of

__all__ = ["MediaFinding", "Needs", "Verdict", "judge", "needs_of", "wanted_of"]
