package probe

import "context"

// All makes one probe of several. They run in order, on the same connection, until one returns an error, which is
// the result. All without probes passes everything.
func All(probes ...Probe) Probe { return all(append([]Probe(nil), probes...)) }

type all []Probe

func (a all) Check(ctx context.Context, t Target) error {
	for _, p := range a {
		if err := p.Check(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (a all) Validate() error {
	for _, p := range a {
		if err := Validate(p); err != nil {
			return err
		}
	}
	return nil
}
