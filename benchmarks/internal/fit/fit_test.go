package fit

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestLinear(t *testing.T) {
	l := Linear([]float64{1, 10, 100}, []float64{7, 25, 205})
	near(t, "slope", l.Slope, 2)
	near(t, "intercept", l.Intercept, 5)
	near(t, "R²", l.R2, 1)

	x, y := []float64{0, 1, 2, 3}, []float64{1, 3, 2, 4}
	l = Linear(x, y)
	near(t, "slope", l.Slope, 0.8)
	near(t, "intercept", l.Intercept, 1.3)
	near(t, "R²", l.R2, 0.64)
	near(t, "off", l.Off(x, y), 0.9/2.1)

	near(t, "R² of a level", Linear([]float64{1, 2}, []float64{3, 3}).R2, 1)
	if l := Linear([]float64{1}, []float64{1}); !math.IsNaN(l.Slope) || !math.IsNaN(l.R2) {
		t.Errorf("a line through one point: %+v", l)
	}
}

func TestExponent(t *testing.T) {
	near(t, "linear", Exponent(10, 3, 1000, 300), 1)
	near(t, "quadratic", Exponent(10, 100, 1000, 1e6), 2)
	near(t, "constant", Exponent(10, 5, 1000, 5), 0)
}
