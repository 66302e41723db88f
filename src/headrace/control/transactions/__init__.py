"""What one transaction does: functions of a connection, each whole or not done."""
