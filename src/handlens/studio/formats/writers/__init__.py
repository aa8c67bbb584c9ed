"""The formats that labels are exported to."""
