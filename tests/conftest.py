"""For all tests."""

from __future__ import annotations

import gc

gc.set_threshold(100_000, 50, 50)  # each load makes and drops millions of small objects: a tenth of the time
