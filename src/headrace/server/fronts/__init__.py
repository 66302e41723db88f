"""Further processes that answer plain calls on the same port: *fronts*, and what they share."""
