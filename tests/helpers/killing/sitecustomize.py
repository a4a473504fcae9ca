"""Arms every Python process that a command under test starts, as `killed_sweeps.run` armed the command itself."""

import os

if spec := os.environ.get("TRADEOFF_TEST_BLOW"):
    from killed_sweeps import arm

    arm(spec)
