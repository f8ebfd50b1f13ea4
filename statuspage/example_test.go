package statuspage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source/file"
	"github.com/rekeyhq/rekey/statuspage"
)

// A page for one pool, on a port that only operators reach.
func Example() {
	serve := func(ctx context.Context) error {
		page, err := statuspage.New(&statuspage.Options{Title: "shop-api"})
		if err != nil {
			return err
		}
		src, err := file.Open("/vault/secrets/db.json", nil)
		if err != nil {
			return err
		}
		defer src.Close()
		pool, err := managedpool.New(ctx, "host=db.internal dbname=app sslmode=verify-full", src, &managedpool.Options{
			OnEvent: page.Observe("orders"),
		})
		if err != nil {
			return err
		}
		defer pool.Close()
		if err := page.Add("orders", pool); err != nil {
			return err
		}

		mux := http.NewServeMux()
		mux.Handle("/debug/rekey/", page)
		server := &http.Server{Addr: "127.0.0.1:6060", Handler: mux}
		server.RegisterOnShutdown(page.Close)
		return server.ListenAndServe()
	}
	_ = serve
}

// Whatever is no browser reads state.json.
func ExamplePage_ServeHTTP() {
	page, err := statuspage.New(nil)
	if err != nil {
		panic(err)
	}
	defer page.Close()
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/rekey/state.json", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 application/json
}
