"""Outgoing requests: the addresses they may reach, the budgets of hosts, and the responses."""
