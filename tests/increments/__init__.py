"""Random histories of a warehouse: an incremental build must equal a full one, whatever was loaded in whatever order."""
