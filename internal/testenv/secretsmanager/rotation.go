package secretsmanager

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The steps of a rotation, in their order.
const (
	CreateStep = "createSecret"
	SetStep    = "setSecret"
	TestStep   = "testSecret"
	FinishStep = "finishSecret"
)

// RotationEvent is what a rotation function is called with.
type RotationEvent struct {
	Step  string
	ARN   string // of the secret
	Token string // the ID of the version to make; it exists, empty and labelled AWSPENDING, before the first step
}

// RotationFunc does one step of a rotation. Its context ends with the server, and when the rotation is cancelled.
type RotationFunc func(ctx context.Context, event RotationEvent) error

// rotation is what a secret knows of its rotation.
type rotation struct {
	configured, enabled bool
	lambda              string
	rules               rotationRules
	last, next          time.Time
	run                 *rotationRun // the last one; nil before the first
}

// rotationRun is one rotation.
type rotationRun struct {
	token  string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

func (r *rotationRun) running() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// HandleRotation makes RotateSecret call a function in place of the Lambda function of that ARN. RotateSecret answers
// at once and the steps follow, on a goroutine of the server; the first error ends them. They are not tried again.
func (s *Server) HandleRotation(lambdaARN string, rotate RotationFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotator[lambdaARN] = rotate
}

// AwaitRotation waits for the last rotation of a secret to end, and returns the error that ended it, if any.
func (s *Server) AwaitRotation(ctx context.Context, secretID string) error {
	run, err := s.lastRun(secretID)
	if err != nil || run == nil {
		return err
	}
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) lastRun(secretID string) (*rotationRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.find(secretID)
	if err != nil {
		return nil, err
	}
	return known.rotation.run, nil
}

// SetRotationDates makes a secret look as if it had been rotated at one time and were to be rotated again before
// another. Zero means never.
func (s *Server) SetRotationDates(secretID string, last, next time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.find(secretID)
	if err != nil {
		return err
	}
	known.rotation.last, known.rotation.next = last, next
	return nil
}

// rotateInput is what RotateSecret takes.
type rotateInput struct {
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	RotationLambdaARN  string
	RotationRules      *rotationRules
	RotateImmediately  *bool
}

func (s *Server) rotateSecret(in rotateInput) (*stored, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	if in.RotationLambdaARN == "" {
		in.RotationLambdaARN = known.rotation.lambda
	}
	if in.RotationRules == nil {
		in.RotationRules = &known.rotation.rules
	}
	if err := s.checkRotation(in); err != nil {
		return nil, err
	}
	now := in.RotateImmediately == nil || *in.RotateImmediately
	out := &stored{ARN: known.arn, Name: known.name}
	if v := known.version(in.ClientRequestToken); v != nil {
		out.VersionID = v.id
		return out, nil // the same request once more
	}
	if err := s.resume(known); err != nil {
		return nil, err
	}
	known.rotation.configure(in, s.now())
	if !now {
		s.begin(known, in.ClientRequestToken, TestStep)
		return out, nil
	}
	s.begin(known, in.ClientRequestToken, CreateStep, SetStep, TestStep, FinishStep)
	out.VersionID = in.ClientRequestToken
	return out, nil
}

func (s *Server) checkRotation(in rotateInput) error {
	if in.ClientRequestToken == "" {
		return badParameter(tokenMissing)
	}
	if err := checkToken(in.ClientRequestToken); err != nil {
		return err
	}
	if in.RotationLambdaARN == "" {
		return badRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if s.rotator[in.RotationLambdaARN] == nil {
		return accessDenied("Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy " +
			"grants access to the principal secretsmanager.amazonaws.com.")
	}
	return in.RotationRules.check()
}

// resume refuses a rotation while another one has not reached its end, and starts that one again.
func (s *Server) resume(known *secret) error {
	unfinished := known.holder(pending)
	if unfinished == nil || unfinished.has(current) {
		return nil
	}
	if known.rotation.lambda != "" && !known.rotation.run.running() {
		s.begin(known, unfinished.id, CreateStep, SetStep, TestStep, FinishStep)
	}
	return badRequest("A previous rotation isn't complete. That rotation will be reattempted.")
}

func (r *rotation) configure(in rotateInput, now time.Time) {
	r.configured, r.enabled = true, true
	r.lambda, r.rules = in.RotationLambdaARN, *in.RotationRules
	r.next = r.rules.next(now)
}

// begin starts steps for a version. The caller holds mu.
func (s *Server) begin(known *secret, token string, steps ...string) {
	if s.ctx.Err() != nil {
		return // closing: nobody would wait for it
	}
	if known.version(token) == nil {
		known.versions = append(known.versions, &version{id: token, kmsKey: known.kmsKey, created: s.now()})
	}
	known.attach(pending, known.version(token))
	ctx, cancel := context.WithCancel(s.ctx)
	run := &rotationRun{token: token, cancel: cancel, done: make(chan struct{})}
	known.rotation.run = run
	rotate := s.rotator[known.rotation.lambda]
	event := RotationEvent{ARN: known.arn, Token: token}
	s.rotations.Go(func() {
		defer cancel()
		err := runSteps(ctx, rotate, event, steps)
		s.end(known, run, err, len(steps) > 1)
	})
}

func runSteps(ctx context.Context, rotate RotationFunc, event RotationEvent, steps []string) error {
	for _, event.Step = range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("before %s: %w", event.Step, err)
		}
		if err := rotate(ctx, event); err != nil {
			return fmt.Errorf("%s: %w", event.Step, err)
		}
	}
	return nil
}

// end keeps what came out. Of a mere test of the configuration nothing stays.
func (s *Server) end(known *secret, run *rotationRun, err error, rotated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !rotated {
		known.versions = slices.DeleteFunc(known.versions, func(v *version) bool {
			return v.id == run.token && v.content.empty()
		})
	} else if err == nil {
		now := s.now()
		known.rotation.last, known.rotation.next = now, known.rotation.rules.next(now)
	}
	run.err = err
	close(run.done)
}

// updated is for a value that somebody stored: that counts as a rotation where a schedule asks for one.
func (r *rotation) updated(now time.Time) {
	if r.enabled {
		r.next = r.rules.next(now)
	}
}

func (s *Server) cancelRotateSecret(in idInput) (*stored, error) {
	known, err := s.live(in.SecretID)
	if err != nil {
		return nil, err
	}
	if !known.rotation.configured {
		return nil, badRequest("You tried to cancel the rotation of a secret that has no rotation configured.")
	}
	out := &stored{ARN: known.arn, Name: known.name}
	if known.rotation.run.running() {
		known.rotation.run.cancel()
		out.VersionID = known.rotation.run.token
	}
	known.rotation.enabled, known.rotation.next = false, time.Time{}
	return out, nil
}
