// Command buildvault builds the Vault server that tests use, unless it is there already, and says where it is. make
// calls it before the tests, whose time is limited.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/rekeyhq/rekey/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path, err := testenv.VaultProgram(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "buildvault:", err)
		os.Exit(1)
	}
	fmt.Println("vault:", path)
}
