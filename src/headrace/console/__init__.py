"""Pages for people: the same verbs as the API, drawn."""
