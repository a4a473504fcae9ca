"""Where the measurements of a plan are made: in this process, in worker processes of this machine, on a Ray cluster.

An executor takes measurements one by one and says how each ended; which one is next, and what becomes of a failure, is
the engine's.
"""
