"""The dashboard: a running hub's pages for browsers, built only on the operations of the admin API."""
