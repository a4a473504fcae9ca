"""Is one side slower than the other? Paired runs, a verdict with a stated error rate, and what CI does with it."""
