"""What a network costs: multiply-adds, memory, latency, and the machine that it was measured on."""
