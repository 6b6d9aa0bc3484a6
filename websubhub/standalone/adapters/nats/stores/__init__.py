"""The four small stores, each over its records."""
