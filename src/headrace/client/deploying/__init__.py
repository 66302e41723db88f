"""From a function here to a version on the server, and to the deployments that call it."""
