package deploy_test

import (
	"context"
	"errors"

	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// memory is a store of metrics that holds what a test says.
type memory []promql.Series

// Querier implements storage.Queryable.
func (m memory) Querier(int64, int64) (storage.Querier, error) { return querier{m}, nil }

// querier is a view of a memory.
type querier struct{ series memory }

// Select returns the series that match.
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*promlabels.Matcher) storage.SeriesSet {
	set := &seriesSet{}
	for _, s := range q.series {
		if matches(s.Metric, matchers) {
			set.rest = append(set.rest, s)
		}
	}
	return set
}

func matches(of promlabels.Labels, matchers []*promlabels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(of.Get(m.Name)) {
			return false
		}
	}
	return true
}

var errNotAsked = errors.New("rules do not ask for labels")

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*promlabels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotAsked
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*promlabels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotAsked
}

func (querier) Close() error { return nil }

// seriesSet goes through series.
type seriesSet struct {
	at   promql.Series
	rest []promql.Series
}

func (s *seriesSet) Next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.at, s.rest = s.rest[0], s.rest[1:]
	return true
}

func (s *seriesSet) At() storage.Series                { return promql.NewStorageSeries(s.at) }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
