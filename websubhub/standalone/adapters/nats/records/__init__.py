"""Records of topics, pairs, announcements and letters, which every process knows, and how to change them."""
