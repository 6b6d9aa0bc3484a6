"""The order of deliveries that wait for a slot, a connection or an answer."""
