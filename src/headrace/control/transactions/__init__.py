"""Transactions: functions of a connection, each whole or not done."""
