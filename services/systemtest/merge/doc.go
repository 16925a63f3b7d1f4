// Package merge shows, with all services and real servers, what it means that two
// references are one person, and what is left when that was wrong.
package merge
