package managedpool

// totals counts the connections of all pgxpools together. Hijacked ones are no longer theirs.
type totals struct {
	all          int // those being made or closed included
	constructing int
}

func (p *Pool) totals() (t totals) {
	for _, b := range p.open() {
		stat := b.pool.Stat()
		t.all += int(stat.TotalConns())
		t.constructing += int(stat.ConstructingConns())
	}
	return t
}
