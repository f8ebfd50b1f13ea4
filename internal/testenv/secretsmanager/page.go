package secretsmanager

import (
	"crypto/rand"
)

// largestPage is the API's limit of results, and what it gives unless asked for less.
const largestPage = 100

// page is where a list goes on.
type page struct {
	list string // which one: the operation and what it was asked for
	from int
}

// ExpirePages makes the server forget how its lists go on: the next page of each gives InvalidNextTokenException.
func (s *Server) ExpirePages() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pages)
}

// paginate cuts a page out of a list. The caller holds the server's mu.
func paginate[T any](s *Server, list string, all []T, limit *int32, token string) (cut []T, next string, err error) {
	size := largestPage
	if limit != nil {
		size = int(*limit)
	}
	if size < 1 || size > largestPage {
		return nil, "", constraint("maxResults", "Member must have a value between 1 and %d", largestPage)
	}
	var at page
	if token != "" {
		var known bool
		if at, known = s.pages[token]; !known || at.list != list {
			return nil, "", modeled("InvalidNextTokenException", "The NextToken value is invalid.")
		}
	}
	from := min(at.from, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		next = rand.Text()
		s.pages[next] = page{list: list, from: to}
	}
	return all[from:to], next, nil
}
