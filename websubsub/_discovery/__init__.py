"""Finding the hubs of a topic: in Link headers, HTML, feeds and JSON feeds (W3C 4)."""
