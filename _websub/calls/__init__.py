"""Requests to others: whom they may reach, how much they may take, and what comes back."""
