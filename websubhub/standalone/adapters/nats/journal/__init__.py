"""Updates, positions and dead letters: the journal of the broker on NATS."""
