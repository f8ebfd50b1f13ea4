package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// marks draws vertical lines with their labels at the top.
type marks struct{ marks []Mark }

// Plot implements plot.Plotter.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	toX, _ := p.Transforms(&c)
	line := draw.LineStyle{Color: ink, Width: vg.Points(0.8), Dashes: []vg.Length{2, 2}}
	label := draw.TextStyle{
		Color: ink, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: 8},
		XAlign: draw.XLeft, YAlign: draw.YTop, Handler: text.Plain{Fonts: font.DefaultCache},
	}
	for i, mark := range m.marks {
		if mark.X < p.X.Min || mark.X > p.X.Max {
			continue
		}
		x := toX(mark.X)
		c.StrokeLine2(line, x, c.Min.Y, x, c.Max.Y)
		if mark.Label != "" {
			c.FillText(label, vg.Point{X: x + 2, Y: c.Max.Y - vg.Length(9*(i%2))}, mark.Label) // neighbours do not overlap
		}
	}
}
