"""Trained networks: public checkpoints of any known layout, our own, and what is derived from either."""
