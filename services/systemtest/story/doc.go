// Package story tells whole requests of people, from the call to the last
// event, with all services and real databases: Chinook on PostgreSQL and Sakila
// on MariaDB, which nobody here wrote.
package story
