"""What a latency is timed with, and what is watched beside it: clocks, graphs, convolutions, the GPU, other load."""
