package report

import (
	"bytes"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a picture, in points, and of the column on its right that names the series; the page scales it.
const width, height, names = 830, 300, 220

// Colours that stand for "as the text around": they are replaced in the finished picture, which is then readable on a
// light and on a dark page.
var (
	ink   = color.RGBA{R: 1, G: 2, B: 3, A: 255}
	faint = color.RGBA{R: 3, G: 2, B: 1, A: 255}
)

// palette is readable on white and on near black; neighbours differ for those who do not see red and green, too.
var palette = []color.Color{
	color.RGBA{R: 0x1f, G: 0x83, B: 0xd6, A: 255},
	color.RGBA{R: 0xe0, G: 0x7b, B: 0x00, A: 255},
	color.RGBA{R: 0x0b, G: 0x9e, B: 0x77, A: 255},
	color.RGBA{R: 0xc4, G: 0x4f, B: 0x9b, A: 255},
	color.RGBA{R: 0xb8, G: 0x93, B: 0x00, A: 255},
	color.RGBA{R: 0x7a, G: 0x6f, B: 0xd0, A: 255},
	color.RGBA{R: 0xd6, G: 0x45, B: 0x45, A: 255},
	color.RGBA{R: 0x3a, G: 0xa8, B: 0xb8, A: 255},
}

// SVG draws a chart: a picture that stands alone, in a page or as a file.
func SVG(c Chart) ([]byte, error) {
	p := newPlot(c)
	legend := newLegend()
	for i, s := range c.Series {
		if err := addSeries(p, &legend, c, s, styleOf(c, i)); err != nil {
			return nil, fmt.Errorf("report: chart %q, series %q: %w", c.ID, s.Name, err)
		}
	}
	if err := scale(p, c); err != nil {
		return nil, err
	}
	p.Add(marks{marks: c.Marks})
	canvas := vgsvg.New(width, height)
	whole := draw.New(canvas)
	p.Draw(draw.Crop(whole, 0, -names, 0, -4))
	legend.Draw(draw.Crop(whole, width-names+8, 0, 0, -10))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return themed(b.String(), c.Title), nil
}

// newPlot has axes and no data.
func newPlot(c Chart) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = c.X.Label, c.Y.Label
	for _, style := range []*draw.TextStyle{
		&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label,
	} {
		style.Color, style.Font = ink, textFont
	}
	for _, line := range []*draw.LineStyle{&p.X.LineStyle, &p.Y.LineStyle, &p.X.Tick.LineStyle, &p.Y.Tick.LineStyle} {
		line.Color = ink
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = faint, faint
	p.Add(grid)
	return p
}

// textFont is what sizes are reckoned with; the page shows its own.
var textFont = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}

// newLegend stands beside the plot, where it hides nothing.
func newLegend() plot.Legend {
	legend := plot.NewLegend()
	legend.TextStyle.Color, legend.TextStyle.Font = ink, textFont
	legend.Top, legend.Left, legend.Padding = true, true, 3
	return legend
}

// styleOf is the line of one of a chart's series: ours are thick; floors are dashed, and dotted from the second on.
func styleOf(c Chart, n int) draw.LineStyle {
	style := draw.LineStyle{Color: palette[n%len(palette)], Width: vg.Points(1.2)}
	switch {
	case c.Series[n].Ours:
		style.Width = vg.Points(2.2)
	case c.Series[n].Floor:
		style.Color, style.Dashes = ink, []vg.Length{4, 3}
		if slices.ContainsFunc(c.Series[:n], func(s Series) bool { return s.Floor }) {
			style.Dashes = []vg.Length{1, 2}
		}
	}
	return style
}

func addSeries(p *plot.Plot, legend *plot.Legend, c Chart, s Series, style draw.LineStyle) error {
	points, err := pointsOf(c, s)
	if err != nil || len(points) == 0 {
		return err
	}
	if c.Kind == Scatter {
		dots, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: 1.5, Shape: draw.CircleGlyph{}}
		p.Add(dots)
		legend.Add(s.Name, dots)
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.LineStyle = style
	if c.Kind == Step {
		line.StepStyle = plotter.PostStep
	}
	p.Add(line)
	legend.Add(s.Name, line)
	return nil
}

// pointsOf leaves out what the axes cannot show.
func pointsOf(c Chart, s Series) (plotter.XYs, error) {
	if len(s.X) != len(s.Y) {
		return nil, fmt.Errorf("%d x and %d y", len(s.X), len(s.Y))
	}
	var out plotter.XYs
	for i, x := range s.X {
		y := s.Y[i]
		if c.Y.Log && y <= 0 || c.X.Log && x <= 0 || c.Kind == Percentile && (x < 0 || x >= 100) {
			continue
		}
		if c.Kind == Percentile {
			x = nines(x)
		}
		out = append(out, plotter.XY{X: x, Y: y})
	}
	return out, nil
}

// themed makes the colours of the text those of the page around, or of the system where the picture stands alone.
func themed(svg, title string) []byte {
	start := strings.Index(svg, "<svg")
	svg = svg[start:]
	svg = strings.Replace(svg, "<svg ", `<svg class="chart" role="img" `, 1)
	end := strings.Index(svg, ">") + 1
	style := "<style>.chart{color:#24292f}@media(prefers-color-scheme:dark){.chart{color:#d8dee4}}" +
		".chart text{font-family:system-ui,sans-serif!important}</style>"
	svg = svg[:end] + "\n<title>" + escape(title) + "</title>" + style + svg[end:]
	replace := strings.NewReplacer(hex(ink), "currentColor", hex(faint), "#88888855")
	return []byte(replace.Replace(svg))
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }
