"""Who may see the dashboard, and how its own pages are told from those of others."""
