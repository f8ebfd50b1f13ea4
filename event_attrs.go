package rekey

import (
	"log/slog"
	"time"
)

func (e FetchedEvent) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("version", e.Version), slog.Bool("changed", e.Changed),
		slog.Bool("forced", e.Forced), slog.Duration("duration", e.Duration),
	}
}

func (e RefreshFailedEvent) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("op", e.Err.Op), slog.String("class", e.Err.Class().String()), slog.Any("error", e.Err.Err),
		slog.Bool("permanent", e.Err.Permanent),
		slog.Int("failures", e.Failures), slog.Duration("duration", e.Duration),
	}
	return appendTime(attrs, "retry_at", e.RetryAt)
}

func (e RenewedEvent) Attrs() []slog.Attr {
	attrs := generationAttrs(e.Generation, e.Version)
	attrs = append(attrs, slog.Bool("fallback", e.Fallback), slog.Duration("duration", e.Duration))
	return appendTime(attrs, "expires_at", e.ExpiresAt)
}

func (e RefusedEvent) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("version", e.Err.Version), slog.String("class", e.Err.Class.String()),
		slog.String("sqlstate", e.Err.SQLState), slog.Any("error", e.Err.Err),
		slog.Duration("duration", e.Duration),
	}
	return appendTime(attrs, "retry_at", e.RetryAt)
}

func (e AdoptedEvent) Attrs() []slog.Attr {
	attrs := generationAttrs(e.Generation, e.Version)
	attrs = append(attrs,
		slog.String("username", e.Username), slog.Bool("alternate", e.Alternate),
		slog.Duration("verify", e.Verify),
	)
	return appendTime(attrs, "expires_at", e.ExpiresAt)
}

func (e LoginRefusedEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version),
		slog.String("sqlstate", e.SQLState), slog.Bool("revoked", e.Revoked))
}

func (e LoginRestoredEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version), slog.Duration("verify", e.Verify))
}

// Attrs implements Event.
func (e ConfirmedEvent) Attrs() []slog.Attr { return generationAttrs(e.Generation, e.Version) }

func (e ExpiredEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version), slog.Any("cause", e.Cause))
}

func (e DrainedEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version), slog.Int("cancelled", e.Cancelled),
		slog.Duration("duration", e.Duration), slog.Bool("empty", e.Empty))
}

func (e RetiredEvent) Attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("version", e.Version)}
	if e.Err != nil {
		attrs = append(attrs, slog.String("class", e.Err.Class().String()), slog.Any("error", e.Err.Err))
	}
	return attrs
}

func (e WarningEvent) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("field", e.Field), slog.String("message", e.Message)}
}

func (e ClosedEvent) Attrs() []slog.Attr { return []slog.Attr{slog.Int("abandoned", e.Abandoned)} }

func generationAttrs(generation uint64, version string) []slog.Attr {
	return []slog.Attr{slog.Uint64("generation", generation), slog.String("version", version)}
}

func appendTime(attrs []slog.Attr, key string, t time.Time) []slog.Attr {
	if t.IsZero() {
		return attrs
	}
	return append(attrs, slog.Time(key, t))
}
