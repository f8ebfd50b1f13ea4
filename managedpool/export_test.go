package managedpool

// SetDefaultMode sets the mode of pools that name none.
func SetDefaultMode(m Mode) { defaultMode = m }
