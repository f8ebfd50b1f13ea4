package report

// Chart is a picture of numbers. It is stored as numbers and drawn when it is written.
type Chart struct {
	ID     string   `json:"id"` // a word, unique in its section: the name of the picture's file
	Title  string   `json:"title"`
	Text   string   `json:"text,omitempty"` // below the picture: what there is to see
	Kind   Kind     `json:"kind"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Series []Series `json:"series"`
	Marks  []Mark   `json:"marks,omitempty"` // vertical lines: the rotations
}

// Kind is how the points of a chart are joined.
type Kind string

// Kinds of charts.
const (
	Line    Kind = "line"
	Step    Kind = "step" // a value holds until the next point
	Scatter Kind = "scatter"
	// Percentile has percentiles below 100 as x, spread so that 90, 99, 99.9 and so on are equally far apart.
	Percentile Kind = "percentile"
)

// Axis names what is on it.
type Axis struct {
	Label string `json:"label"` // with the unit: "latency, ms"
	Log   bool   `json:"log,omitempty"`
}

// Series is one line, or one cloud of points. X and Y are equally long, X rises.
type Series struct {
	Name  string  `json:"name"`
	X     Numbers `json:"x"`
	Y     Numbers `json:"y"`
	Ours  bool    `json:"ours,omitempty"`  // drawn thicker
	Floor bool    `json:"floor,omitempty"` // drawn dashed
}

// Mark is a moment.
type Mark struct {
	X     float64 `json:"x"`
	Label string  `json:"label,omitempty"`
}
