"""Arms every Python process that a command under test starts, as `torture.run` armed the command itself."""

import os

if spec := os.environ.get("TRADEOFF_TEST_BLOW"):
    from torture import arm

    arm(spec)
