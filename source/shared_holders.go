package source

// holders counts who has a Version: a known holder once, callers without one by hand-out.
type holders map[any]int

func (h holders) add(holder any) {
	if holder != nil {
		h[holder] = 1
		return
	}
	h[nil]++
}

func (h holders) remove(holder any) {
	if h[holder]--; h[holder] <= 0 {
		delete(h, holder)
	}
}
