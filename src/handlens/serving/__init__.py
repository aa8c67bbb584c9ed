"""What every server of ours needs, and the server of one saved model."""
