"""The parts of catalog, one by one."""
