"""The dashboard: the pages of a running hub for people with a browser, on the operations of the admin API alone."""
