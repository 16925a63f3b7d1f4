// Package intake decides how an import of decisions goes on: it is begun, its rows
// are done from the first to the last without a hole, and then it is finished. Which
// row is recorded the persons decide.
package intake
