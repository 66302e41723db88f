"""HTTP: one file per noun; each handler reads, calls one verb, and answers."""
