"""What the HTTP API takes and gives, as pydantic models: a module for each topic."""
