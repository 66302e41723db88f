"""HTTP: one request and its answer, whatever it is for: dispatch, permission, forms, files."""
