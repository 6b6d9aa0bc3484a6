"""The service of the standalone hub: who may publish and subscribe, to what."""
