"""What things are: frozen values and pure functions, nothing that reads or writes."""
