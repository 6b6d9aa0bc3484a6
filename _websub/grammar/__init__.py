"""Readers and writers of what peers send: URLs, hosts, links, media types, forms, dates, XML."""
