"""Reading a study: its tables, pivot tables, comparisons, and what is worth believing of them."""
