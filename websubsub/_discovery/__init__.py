"""Discovery of a topic's hubs in Link headers, HTML, feeds and JSON Feeds (W3C 4)."""
