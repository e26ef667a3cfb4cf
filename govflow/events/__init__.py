"""What leaves govflow for whoever listens: envelopes, and the sinks that take them."""
