package fleet

// queue is a heap of instances, the one to which something happens next first.
type queue []*instance

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].next() < q[j].next() }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push and Pop are heap.Interface's; the queue keeps its length.
func (q *queue) Push(any) { panic("fleet: instances do not come later") }
func (q *queue) Pop() any { panic("fleet: instances do not go") }
