// Package crm is a product team's service that holds personal data, as small as it
// can be: contacts and what was noted of them, in a SQLite file of its own.
// Habeas reaches it by the package holder alone.
package crm

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"habeas.internal/proto/holder"
)

// CRM is the team's store, with a table for each collection.
type CRM struct{ DB *sql.DB }

// Collections are the team's tables: notes go before the contacts that lead to them.
func (CRM) Collections() []holder.Collection {
	return []holder.Collection{
		{Name: "note", Fields: []holder.Field{{Name: "text", Categories: []string{"user.content"}}, {Name: "tag"}}},
		{Name: "contact", Fields: []holder.Field{
			{Name: "email", Categories: []string{"user.contact.email"}}, {Name: "name", Categories: []string{"user.name"}},
		}},
	}
}

// InTransaction is one of the database's.
func (c CRM) InTransaction(ctx context.Context, work func(holder.Rows) error) error {
	tx, err := c.DB.BeginTx(ctx, nil)
	if err != nil {
		return holder.ErrUnavailable
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := work(rows{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

type rows struct{ tx *sql.Tx }

// Of finds contacts by their address, and notes by their contact.
func (r rows) Of(ctx context.Context, p holder.Person, collection, after string) iter.Seq2[holder.Row, error] {
	query := `SELECT c.id, c.since, c.email, c.name FROM contact c WHERE %s AND c.id > ? ORDER BY c.id`
	if collection == "note" {
		query = `SELECT n.id, n.since, n.text, n.tag FROM note n JOIN contact c ON c.id = n.contact_id WHERE %s AND n.id > ? ORDER BY n.id`
	}
	emails, _ := json.Marshal(p.Values("email"))
	return func(yield func(holder.Row, error) bool) {
		found, err := r.tx.QueryContext(ctx, fmt.Sprintf(query, `c.email IN (SELECT value FROM json_each(?))`), string(emails), after)
		if err != nil {
			yield(holder.Row{}, err)
			return
		}
		defer found.Close()
		for found.Next() {
			v := make([]any, 2)
			row := holder.Row{Values: v}
			if err := found.Scan(&row.Key, &row.Since, &v[0], &v[1]); !yield(row, err) {
				return
			}
		}
		if err := found.Err(); err != nil {
			yield(holder.Row{}, err)
		}
	}
}

// Delete removes a row of a table that Collections names.
func (r rows) Delete(ctx context.Context, collection, key string) error {
	_, err := r.tx.ExecContext(ctx, "DELETE FROM "+collection+" WHERE id = ?", key)
	return err
}

// Clear makes fields null.
func (r rows) Clear(ctx context.Context, collection, key string, fields []string) error {
	_, err := r.tx.ExecContext(ctx, "UPDATE "+collection+" SET "+strings.Join(fields, " = NULL, ")+" = NULL WHERE id = ?", key)
	return err
}
