// Package sqlsystem finds, shows and erases what a SQL database holds of a
// person: PostgreSQL, MySQL and MariaDB, SQLite. One engine works from the
// dataset and the database's own catalogue; a dialect holds what differs.
//
// How rows are found. Rows whose identity column equals an identifier are the
// person's. From there references are followed. A row that refers to one of the
// person's is the person's too, unless by another followed reference it also
// refers to a row that is not: then it is shared. A row that one of the person's refers to is the
// person's if nobody else's refers to it and it bears nobody else's identity;
// otherwise it is shared: shown, counted, never changed, and followed no further.
//
// How rows are erased. Rows go from those that refer to those that are referred
// to. A row is deleted if every part of it is ordered to be erased and nothing
// that stays refers to it; otherwise the columns of the erased parts are
// overwritten. Triggers run as for anybody. No statement names a row that is
// not the person's.
//
// What must be true before a commit is read again before it: deleted rows are
// gone, overwritten columns hold what was written. So after a commit the rows
// that were found hold nothing any more, and Verify asks the other question:
// whether anything can be found by the same identifiers, in any identity column.
//
// No error holds a value or a text of the database.
package sqlsystem
