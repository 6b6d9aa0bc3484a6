"""The schedule of deliveries: pure code without I/O, which takes the clock and randomness as arguments."""
