"""The parts of gateway, one by one."""
