"""What can be said of a policy without running anything: dead rules, conflicts, reasons, differences.

Two kinds of statement stand here, and they are never mixed. A **proof** says that something cannot happen; it is made
of steps that each err towards "it may". A **witness** is a request that shows that something does happen; the engine
itself has been asked about it before it is told. What is neither is not said.
"""
