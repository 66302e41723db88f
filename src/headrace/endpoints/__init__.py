"""HTTP: calls of endpoints, with the endpoint's own token, and what endpoints say of themselves."""
