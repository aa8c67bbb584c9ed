"""Who a model fails, what its data are, and how a person overrules it; on plain arrays and data frames."""
