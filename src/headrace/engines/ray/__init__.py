"""The elastic engine of a Ray cluster: an agent on each node holds the engine of one machine."""
