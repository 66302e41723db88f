"""The JSON contract, both ends of it: encoding, bodies, routes and errors."""
