"""The parts of shared, one by one."""
