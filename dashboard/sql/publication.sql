-- How fresh the marts are. One row.
select * from marts.mart_publication
