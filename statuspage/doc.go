// Package statuspage is a page that shows what the pools of a process do with their credentials: their state,
// generations and how their connections drain, refreshes with their reasons, and every event as it happens.
//
//	page, err := statuspage.New(nil)
//	...
//	pool, err := managedpool.New(ctx, connString, src, &managedpool.Options{OnEvent: page.Observe("orders")})
//	...
//	err = page.Add("orders", pool)
//	...
//	mux.Handle("/debug/rekey/", page)
//
// Nothing is served until the application mounts the [Page], under any prefix, with or without http.StripPrefix. The
// page only reads: it has no button that changes a pool. It shows user names, versions and error texts, and no secret;
// whom it is for is the application's to decide, so mount it where only operators come, as net/http/pprof.
//
// All that it needs is embedded: it makes no request to another host, and its Content-Security-Policy allows none.
package statuspage
