package scenario

import "testing"

// TestWords: IDs name files and flags, short names head columns.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All {
		for _, word := range []string{s.ID, "short " + s.Short, "title " + s.Title} {
			if seen[word] || s.Short == "" || s.Text == "" {
				t.Errorf("%s: %q is there twice, or something is empty", s.ID, word)
			}
			seen[word] = true
		}
		if s.Load == nil || s.Fixed && s.Length == 0 {
			t.Errorf("%s cannot be played", s.ID)
		}
	}
}
