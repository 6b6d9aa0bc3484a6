"""Access to the dashboard: sessions, protection of its forms, and addresses that hide what they refer to."""
