"""callmart's marts in BI tools."""
