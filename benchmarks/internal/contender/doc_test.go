package contender

import "testing"

// TestIDs are unique words: they name files, and rows of tables are found by names.
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All {
		for _, word := range []string{c.ID, c.Name, c.Text} {
			if word == "" || seen[word] {
				t.Errorf("%q is empty or there twice", word)
			}
			seen[word] = true
		}
		if c.Open == nil {
			t.Errorf("%s cannot be opened", c.ID)
		}
	}
}
