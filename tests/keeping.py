"""The privacy policy that keeps everything, for tests that compare the warehouse with the API."""

from __future__ import annotations

from pipelines.ccaip.privacy.policy import KEEP_ALL
from pipelines.ccaip.tables import Privacy

KEEP_EVERYTHING = {f"PRIVACY__{each.name}": "keep" for each in Privacy if each is not Privacy.NONE}
"""The policy as environment variables."""

__all__ = ["KEEP_ALL", "KEEP_EVERYTHING"]
