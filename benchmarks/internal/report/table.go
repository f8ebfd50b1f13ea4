package report

// Table has a row for each contender, or each size.
type Table struct {
	ID      string   `json:"id,omitempty"`    // a word; needed where a section has several tables
	Title   string   `json:"title,omitempty"` // not needed where a section has one table
	Key     string   `json:"key,omitempty"`   // heads the column of the rows' names
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
	Note    string   `json:"note,omitempty"` // below the table
}

// Column says what the cells below it are.
type Column struct {
	Name string `json:"name"`
	Unit Unit   `json:"unit,omitempty"`
	Help string `json:"help,omitempty"` // what the name leaves open; a reader of the page can ask for it
}

// Unit is what a figure counts, and decides how it is written.
type Unit string

// Units. Anything else is written behind the figure as it is.
const (
	Plain        Unit = ""
	Count        Unit = "count" // a whole number
	Milliseconds Unit = "ms"
	Microseconds Unit = "µs"
	Nanoseconds  Unit = "ns"
	Seconds      Unit = "s"
	Percent      Unit = "%"
	PerSecond    Unit = "/s"
	Megabytes    Unit = "MB"
)

// Row has one cell for each column.
type Row struct {
	Name  string  `json:"name"`
	Cells []Value `json:"cells"`
	Ours  bool    `json:"ours,omitempty"`  // ours stand out on the page
	Floor bool    `json:"floor,omitempty"` // what the ratios are to
}

// Add appends a row and returns it, to be marked.
func (t *Table) Add(name string, cells ...Value) *Row {
	t.Rows = append(t.Rows, Row{Name: name, Cells: cells})
	return &t.Rows[len(t.Rows)-1]
}

// Cell returns the figure of a row in a column, and whether there is one.
func (t *Table) Cell(row, column string) (Value, bool) {
	for _, r := range t.Rows {
		if r.Name != row {
			continue
		}
		for i, c := range t.Columns {
			if c.Name == column && i < len(r.Cells) {
				return r.Cells[i], true
			}
		}
	}
	return Value{}, false
}
