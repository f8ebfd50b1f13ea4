// Package report is what the benchmark commands say: one [Report], written as a table, as JSON, as an HTML page that
// needs no other file, and as SVG pictures.
//
// A command fills a Report with sections of tables and charts. It keeps the figures of every round until the end and
// makes the cells with [Spread] (median and range over the rounds), [Value.Over] (the same, with the median of the
// rounds' ratios to the floor), [Number] and [Text]:
//
//	table := report.Table{Columns: []report.Column{{Name: "p99.9", Unit: report.Milliseconds}}}
//	table.Add("ours", report.Spread(ours).Over(ours, plain))
package report

import "time"

// Report is one run of one command.
type Report struct {
	Tool  string    `json:"tool"` // the command's name: rotation, latency, scale
	Title string    `json:"title"`
	Taken time.Time `json:"taken"` // when the run began
	Took  float64   `json:"took_s"`

	// Incomplete says why something is missing; empty: nothing is.
	Incomplete string `json:"incomplete,omitempty"`

	Machine  Machine   `json:"machine"`
	Settings []Setting `json:"settings,omitempty"` // flags and sizes that the figures depend on
	Sections []Section `json:"sections"`
}

// Setting is one thing that a reader must know to take the same figures.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Section is one question and its answer; a scenario of rotation is one.
type Section struct {
	ID     string  `json:"id"` // a word, for links and for the names of pictures
	Title  string  `json:"title"`
	Text   string  `json:"text,omitempty"` // paragraphs are parted by an empty line
	Tables []Table `json:"tables,omitempty"`
	Charts []Chart `json:"charts,omitempty"`
}

// Section returns the section with that ID, and whether there is one.
func (r *Report) Section(id string) (Section, bool) {
	for _, s := range r.Sections {
		if s.ID == id {
			return s, true
		}
	}
	return Section{}, false
}

// Settle adds a setting.
func (r *Report) Settle(name, value string) {
	r.Settings = append(r.Settings, Setting{Name: name, Value: value})
}
