"""Random histories of a warehouse: whatever landed in whatever order, an incremental build equals a full one."""
