"""The agent on a node of a cluster: code by digest, and the engine of one machine."""
