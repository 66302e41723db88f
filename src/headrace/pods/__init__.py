"""Pods of low-latency deployments: kept as the database says, and handed recorded executions."""
