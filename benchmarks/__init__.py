"""Numbers, each from one interleaved run. ``python -m benchmarks NAME`` prints one JSON object."""
