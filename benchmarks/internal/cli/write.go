package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// Write prints the tables and writes the files that were asked for.
func (f *Flags) Write(r *report.Report) error {
	errs := []error{r.WriteTable(os.Stdout)}
	if f.JSON != "" {
		errs = append(errs, toFile(f.JSON, r.WriteJSON))
	}
	if f.HTML != "" {
		errs = append(errs, toFile(f.HTML, r.WriteHTML))
	}
	if f.SVG != "" {
		errs = append(errs, WriteSVG(r, f.SVG))
	}
	return errors.Join(errs...)
}

// WriteSVG writes each chart to <tool>-<section>-<chart>.svg in a folder, which is made if need be.
func WriteSVG(r *report.Report, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, section := range r.Sections {
		for _, chart := range section.Charts {
			picture, err := report.SVG(chart)
			if err != nil {
				return err
			}
			name := r.Tool + "-" + section.ID + "-" + chart.ID + ".svg"
			if err := os.WriteFile(filepath.Join(folder, name), picture, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func toFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
