"""What takes part in a model's runs from outside."""
