"""The file format, the plan, the engine."""
