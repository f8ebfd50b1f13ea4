package secretsmanager_test

import (
	"fmt"
	"testing"
)

func TestMoveAWSCURRENT(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two", "AWSPENDING")
	v3 := e.put(name, "three", "later")
	for _, c := range []struct {
		to, from string
		want     map[string][]string
	}{
		{v2, v1, map[string][]string{v2: {"AWSCURRENT", "AWSPENDING"}, v1: {"AWSPREVIOUS"}, v3: {"later"}}},
		{v3, v2, map[string][]string{v3: {"AWSCURRENT", "later"}, v2: {"AWSPREVIOUS"}}},
		{v2, v3, map[string][]string{v2: {"AWSCURRENT"}, v3: {"AWSPREVIOUS", "later"}}},
	} {
		if err := e.move(name, "AWSCURRENT", c.to, c.from); err != nil {
			t.Fatal(err)
		}
		e.wantLabels(name, c.want)
	}
}

func TestMoveLabels(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two", "a", "b")
	steps := []struct{ label, to, from string }{
		{"c", v1, ""},  // new
		{"a", v1, v2},  // from one to the other
		{"b", "", v2},  // away
		{"c", v1, ""},  // where it is: nothing
		{"c", v1, v1},  // the same
		{"d", v2, ""},  // so that v2 stays
		{"e", v2, ""},  // and once more
		{"e", v1, v2},  // back
		{"e", "", v1},  // away
		{"dd", v2, ""}, // a label that begins like another
	}
	for _, s := range steps {
		if err := e.move(name, s.label, s.to, s.from); err != nil {
			t.Fatalf("%v: %v", s, err)
		}
	}
	e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT", "a", "c"}, v2: {"d", "dd"}})
}

func TestMoveRefused(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two", "AWSPENDING")
	v3 := e.put(name, "three", "mine")
	for _, c := range []struct {
		what, label, to, from, err, text string
	}{
		{"AWSCURRENT away", "AWSCURRENT", "", v1, "InvalidParameterException", "only move staging label AWSCURRENT"},
		{"AWSCURRENT, unnamed holder", "AWSCURRENT", v2, "", "InvalidParameterException", "explicitly reference that version"},
		{"AWSCURRENT, wrong holder", "AWSCURRENT", v2, v3, "InvalidParameterException", "must be set to the version that currently has"},
		{"unnamed holder", "mine", v1, "", "InvalidParameterException", v3},
		{"wrong holder", "mine", v1, v2, "InvalidParameterException", ""},
		{"away from where it is not", "mine", "", v1, "InvalidParameterException", ""},
		{"to nowhere from nowhere", "mine", "", "", "InvalidParameterException", ""},
		{"to no version", "mine", newToken(), v3, "ResourceNotFoundException", ""},
		{"from no version", "mine", v1, newToken(), "ResourceNotFoundException", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			wantErr(t, e.move(name, c.label, c.to, c.from), c.err, c.text)
		})
	}
	wantErr(t, e.move(newName(), "mine", v1, ""), "ResourceNotFoundException", "can't find the specified secret")
	e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}, v3: {"mine"}})
}

func TestTwentyLabels(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	for i := range 19 {
		if err := e.move(name, fmt.Sprint("label", i), v1, ""); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, e.move(name, "label20", v1, ""), "LimitExceededException", "")
	if err := e.move(name, "label7", v1, v1); err != nil {
		t.Errorf("a label that is there already: %v", err)
	}
}
