"""The only place that reads settings, names concrete choices and puts them together."""
