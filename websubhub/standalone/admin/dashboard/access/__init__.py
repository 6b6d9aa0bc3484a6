"""Access to the dashboard: sessions, forms of its own pages, and addresses that hide what they lead to."""
