"""What leaves a study: files for others, one HTML page, and the facts for a model card."""
