"""`python -m benchmarks.cost COMMAND…`: run a command and print what it cost, as JSON on the last line.

A process of its own, because Linux counts the memory of the one that starts a command as the command's: this one is small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> int:
    """Run the command; its output goes to stderr. Return its exit code."""
    begun = time.monotonic()
    process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps(cost))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
