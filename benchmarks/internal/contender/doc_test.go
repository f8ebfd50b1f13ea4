package contender

import "testing"

// TestIDs are unique words: they name files, and rows of tables are found by names.
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	floors := map[string]bool{"": true}
	for _, c := range All {
		for _, word := range []string{c.ID, c.Name, c.Text} {
			if word == "" || seen[word] {
				t.Errorf("%q is empty or there twice", word)
			}
			seen[word] = true
		}
		if floors[c.ID] = c.Floor; !floors[c.Over] || c.Floor != (c.Over == "") {
			t.Errorf("%s is measured against %q", c.ID, c.Over)
		}
		if c.Open == nil {
			t.Errorf("%s cannot be opened", c.ID)
		}
	}
}
