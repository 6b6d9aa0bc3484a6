"""How peers write things, read and written: URLs, hosts, links, media types, forms, dates, XML."""
