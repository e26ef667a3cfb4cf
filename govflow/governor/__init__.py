"""The governor: the one place where a run or a step is decided. Sans-I/O and engine-free."""
