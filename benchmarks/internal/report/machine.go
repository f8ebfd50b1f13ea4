package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine is where the figures were taken.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPUs   int    `json:"cpus"`
	CPU    string `json:"cpu,omitempty"` // the model, where the system tells
	Go     string `json:"go"`
	Server string `json:"server,omitempty"` // "PostgreSQL 15.18", and where: "private" or "given"

	// Load is the load average of the last minute when ThisMachine was called, where the system tells: before a run it
	// says what else the machine had to do.
	Load float64 `json:"load,omitempty"`

	Build
}

// ThisMachine describes the one we run on; server is what the database says that it is.
func ThisMachine(server string) Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), CPU: cpuModel(), Go: runtime.Version(), Server: server,
		Load: loadAverage(), Build: ThisBuild(),
	}
}

// Warning says why the figures are worth less, or nothing: the machine had other work when the run began.
func (m Machine) Warning() string {
	if m.Load <= float64(m.CPUs) {
		return ""
	}
	return fmt.Sprintf("The machine was busy when the run began: a load average of %.1f on %d CPUs. Compare nothing but ratios, and those with care.", m.Load, m.CPUs)
}

// String is one line.
func (m Machine) String() string {
	parts := []string{fmt.Sprintf("%d CPUs", m.CPUs)}
	if m.CPU != "" {
		parts[0] += " (" + m.CPU + ")"
	}
	parts = append(parts, m.OS+"/"+m.Arch, m.Go)
	if m.Server != "" {
		parts = append(parts, m.Server)
	}
	if m.Load > 0 {
		parts = append(parts, fmt.Sprintf("load average %.1f before", m.Load))
	}
	if build := m.Build.String(); build != "" {
		parts = append(parts, build)
	}
	return strings.Join(parts, ", ")
}

// loadAverage is zero where there is no /proc.
func loadAverage() (one float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		fmt.Sscan(string(text), &one)
	}
	return one
}

// cpuModel is empty where there is no /proc.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
