"""Where deliveries go: origins, the addresses of their names, and how many connections each may have."""
