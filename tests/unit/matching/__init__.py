"""The parts of matching, one by one."""
