"""From the spec of an environment to an interpreter that can be started."""
