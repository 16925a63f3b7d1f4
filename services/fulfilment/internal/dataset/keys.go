package dataset

// The keys that fideslang knows, those of earlier versions included. What has
// no meaning here is read and passed over; a key that is in none of these lists
// is a mistake of the writer.

func keysOfFile() []string { return []string{"dataset", "system"} }

func keysOfDataset() []string {
	return []string{
		"fides_key", "organization_fides_key", "tags", "name", "description", "meta",
		"data_categories", "data_uses", "data_purposes", "data_subjects", "data_qualifier",
		"retention", "third_country_transfers", "joint_controller", "fidesctl_meta",
		"fides_meta", "fidesops_meta", "collections",
	}
}

func keysOfDatasetMeta() []string {
	return []string{"resource_id", "after", "namespace", "redact"}
}

func keysOfNamespace() []string {
	return []string{"schema", "database_name", "connection_type"}
}

func keysOfCollection() []string {
	return []string{
		"name", "description", "data_categories", "data_uses", "data_purposes",
		"data_subjects", "data_qualifier", "retention", "fides_meta", "fidesops_meta", "fields",
	}
}

func keysOfCollectionMeta() []string {
	return []string{
		"after", "erase_after", "skip_processing", "masking_strategy_override",
		"partitioning", "redact", "habeas",
	}
}

func keysOfField() []string {
	return []string{
		"name", "description", "data_categories", "data_uses", "data_purposes",
		"data_subjects", "data_qualifier", "retention", "fides_meta", "fidesops_meta", "fields",
	}
}

func keysOfFieldMeta() []string {
	return []string{
		"references", "identity", "primary_key", "data_type", "length",
		"return_all_elements", "read_only", "custom_request_field",
		"masking_strategy_override", "redact", "habeas",
	}
}
