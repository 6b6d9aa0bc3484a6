"""The ready-to-run hub: durable, bounded, and written on the public names of websubhub alone."""
