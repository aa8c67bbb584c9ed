"""A plugin of each kind for handlens; each module holds one."""
