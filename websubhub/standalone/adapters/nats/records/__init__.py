"""Records of topics, pairs, announcements and letters: what every process knows, and how it changes them."""
