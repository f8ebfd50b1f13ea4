package report

import (
	"math"
	"slices"
	"strconv"
)

// Value is one cell: a text, or a figure with its range over the rounds and its ratio to the floor.
type Value struct {
	Text   string  `json:"text,omitempty"` // instead of a figure; "–" where there is none
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds,omitempty"` // how many figures there were; 1 has no range
	Each   Numbers `json:"each,omitempty"`   // of the rounds, in order
	Ratio  float64 `json:"ratio,omitempty"`  // to the floor; 0: none

	// The range of the rounds' ratios.
	RatioMin float64 `json:"ratio_min,omitempty"`
	RatioMax float64 `json:"ratio_max,omitempty"`

	Best bool `json:"best,omitempty"` // of its column, among those that it is fair to compare
	Bad  bool `json:"bad,omitempty"`  // breaks a promise: a failure, a session too many
}

// Text is a cell without a figure.
func Text(text string) Value { return Value{Text: text} }

// None is the cell of a figure that could not be taken.
func None() Value { return Text("–") }

// Number is a figure taken once.
func Number(x float64) Value { return Value{Median: x, Min: x, Max: x, Rounds: 1} }

// Spread is a figure that was taken in every round. Without any it is [None].
func Spread(rounds []float64) Value {
	if len(rounds) == 0 {
		return None()
	}
	v := Value{Median: Median(rounds), Min: slices.Min(rounds), Max: slices.Max(rounds), Rounds: len(rounds)}
	if len(rounds) > 1 {
		v.Each = rounds
	}
	return v
}

// Over adds the ratio to the floor: the median of the ratios of the rounds, so that a slow round of the machine hits
// both sides. The rounds are in order; there is no ratio to a floor that is zero in any of them.
func (v Value) Over(rounds, floor []float64) Value {
	n := min(len(rounds), len(floor))
	ratios := make([]float64, 0, n)
	for i := range n {
		if floor[i] == 0 {
			return v
		}
		ratios = append(ratios, rounds[i]/floor[i])
	}
	if n > 0 {
		v.Ratio, v.RatioMin, v.RatioMax = Median(ratios), slices.Min(ratios), slices.Max(ratios)
	}
	return v
}

// Median is the middle one, or the mean of the two in the middle. It is NaN of nothing.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Figure is the median as text, to three digits that count.
func (v Value) Figure(u Unit) string {
	if v.Text != "" {
		return v.Text
	}
	return number(v.Median, u)
}

// Range is "least–most", or empty where the rounds do not differ.
func (v Value) Range(u Unit) string {
	if v.Text != "" || v.Rounds < 2 {
		return ""
	}
	least, most := number(v.Min, u), number(v.Max, u)
	if least == most {
		return ""
	}
	return least + "–" + most
}

// Times is the ratio as "1.24×", with its range where the rounds differ: "1.24× (1.02–1.50)"; or empty.
func (v Value) Times() string {
	if v.Ratio == 0 {
		return ""
	}
	text := number(v.Ratio, Plain) + "×"
	if least, most := number(v.RatioMin, Plain), number(v.RatioMax, Plain); least != most && v.RatioMax > 0 {
		text += " (" + least + "–" + most + ")"
	}
	return text
}

// String is all of it: "3.2 (2.9–4.1) 1.24× (1.02–1.50)".
func (v Value) String(u Unit) string {
	text := v.Figure(u)
	if r := v.Range(u); r != "" {
		text += " (" + r + ")"
	}
	if t := v.Times(); t != "" {
		text += " " + t
	}
	return text
}

// number keeps three digits that count of a small number and all whole ones of a large.
func number(x float64, u Unit) string {
	if u == Count {
		return strconv.FormatFloat(x, 'f', countDigits(x), 64)
	}
	switch size := math.Abs(x); {
	case size == 0:
		return "0"
	case size >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case size >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
}

// countDigits: the median of two counts may lie between them.
func countDigits(x float64) int {
	if x == math.Trunc(x) {
		return 0
	}
	return 1
}
