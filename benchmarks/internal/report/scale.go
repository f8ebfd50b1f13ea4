package report

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// nines is how many nines a percentile has: 0 for 0, 1 for 90, 2 for 99.
func nines(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

// scale sets the axes' ticks, and logarithms where they are asked for.
func scale(p *plot.Plot, c Chart) error {
	if math.IsInf(p.X.Min, 0) || math.IsInf(p.Y.Min, 0) {
		return fmt.Errorf("report: chart %q has no points", c.ID)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = round{}, round{}
	if c.Kind == Percentile {
		p.X.Tick.Marker = plot.ConstantTicks(ninesTicks(p.X.Max))
	}
	if c.X.Log && c.Kind != Percentile {
		logarithmic(&p.X)
	}
	if c.Y.Log {
		logarithmic(&p.Y)
	} else {
		p.Y.Min = math.Min(0, p.Y.Min)
	}
	if p.Y.Max <= p.Y.Min {
		p.Y.Max = p.Y.Min + 1
	}
	if !c.Y.Log {
		p.Y.Max += (p.Y.Max - p.Y.Min) / 20 // room for the uppermost line
	}
	return nil
}

func ninesTicks(most float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0"}, {Value: nines(50), Label: "50"}}
	label := "9"
	for n := 1.0; n <= most+0.001; n++ {
		text := "90"
		if n > 1 {
			label += "9"
			text = label[:2]
			if len(label) > 2 {
				text += "." + label[2:]
			}
		}
		ticks = append(ticks, plot.Tick{Value: n, Label: text})
	}
	return ticks
}

// logarithmic widens the range to whole decades, so that there are ticks to read.
func logarithmic(a *plot.Axis) {
	a.Min = math.Pow(10, math.Floor(math.Log10(a.Min)))
	a.Max = math.Pow(10, math.Ceil(math.Log10(a.Max)))
	if a.Max <= a.Min {
		a.Max = a.Min * 10
	}
	a.Scale = plot.LogScale{}
	a.Tick.Marker = decades{}
}

// decades are ticks at powers of ten, written as plain numbers, with unnamed ones between.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for d := math.Floor(math.Log10(least)); d <= math.Ceil(math.Log10(most)); d++ {
		at := math.Pow(10, d)
		ticks = append(ticks, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'g', 6, 64)})
		for n := 2.0; n < 10 && n*at <= most; n++ {
			ticks = append(ticks, plot.Tick{Value: n * at})
		}
	}
	return ticks
}

// round are ticks at round numbers, each with its label, about six of them.
type round struct{}

// Ticks implements plot.Ticker.
func (round) Ticks(least, most float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((most-least)/3)))
	for _, times := range []float64{2, 2.5, 2} { // 2, 5, 10 times
		if (most-least)/step <= 8 {
			break
		}
		step *= times
	}
	var ticks []plot.Tick
	n := math.Ceil(least / step)
	if n == 0 {
		n = 0 // not -0, which is written with its sign
	}
	for ; n*step <= most; n++ {
		ticks = append(ticks, plot.Tick{Value: n * step, Label: strconv.FormatFloat(n*step, 'g', 6, 64)})
	}
	return ticks
}
