// Package fit says whether figures grow in proportion to a size.
package fit

import "math"

// Line is the straight line that lies nearest to some points, by least squares.
type Line struct {
	Slope     float64 // of y, for each x
	Intercept float64 // y at zero
	R2        float64 // the part of y's variance that the line explains: 1 where all points lie on it
}

// Linear fits a line. Two points or more with different x are needed; of fewer, everything is NaN.
func Linear(x, y []float64) Line {
	mx, my := mean(x), mean(y)
	var sxx, sxy, syy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
		syy += (y[i] - my) * (y[i] - my)
	}
	l := Line{Slope: sxy / sxx, R2: sxy * sxy / (sxx * syy)}
	if syy == 0 { // all on a level line
		l.R2 = 1
	}
	l.Intercept = my - l.Slope*mx
	if math.IsNaN(l.Slope) {
		return Line{math.NaN(), math.NaN(), math.NaN()}
	}
	return l
}

// At is what the line says for x.
func (l Line) At(x float64) float64 { return l.Intercept + l.Slope*x }

// Off is how far one of some points lies from the line at most, as a part of what the line says there.
func (l Line) Off(x, y []float64) float64 {
	most := 0.0
	for i := range x {
		if at := l.At(x[i]); at != 0 {
			most = math.Max(most, math.Abs(y[i]-at)/math.Abs(at))
		}
	}
	return most
}

// Exponent is k where y grows as x to the power of k, between two sizes: 1 is linear, 2 quadratic. It sees what R² does not,
// because the largest size outweighs all others in that.
func Exponent(x1, y1, x2, y2 float64) float64 { return math.Log(y2/y1) / math.Log(x2/x1) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
