"""The schedule of deliveries: pure code without I/O, whose clock and randomness are arguments."""
