package local

// programs are the services in the order in which they start.
func programs() []program {
	return nil
}

// Services are the names of the services in the order in which they start.
func Services() []string { return []string{"identity", "consent", "retention", "fulfilment"} }
