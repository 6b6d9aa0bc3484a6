"""The ready-to-run hub: durable, bounded, and built only on the public names of websubhub."""
