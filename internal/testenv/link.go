package testenv

import (
	"context"
	"net"
	"sync"
)

// link is one client's way through a proxy.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	ctx    context.Context // ends when the link is cut
	cancel context.CancelFunc

	gone bool // the server has closed; guarded by the proxy's lock

	mu     sync.Mutex // guards server
	server *net.TCPConn
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	l := &link{proxy: p, client: client}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// run lives as long as the connection to the server, or the attempt to make one.
func (l *link) run() {
	defer l.proxy.release(l)
	defer l.cut()
	if !l.dial() {
		l.proxy.clientGone()
		return
	}
	var up sync.WaitGroup
	up.Go(l.pumpUp)
	l.pumpDown()
	l.proxy.serverGone(l) // before the client can see it, who may then make the next connection
	l.client.Close()      // the server has closed: nothing more will come
	up.Wait()
}

// dial connects to the server; a link cut meanwhile has none.
func (l *link) dial() bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.ctx, "tcp", l.proxy.target)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = conn.(*net.TCPConn)
	return l.ctx.Err() == nil
}

// pumpUp carries what the client says, and in the end that it has no more to say: the server then closes.
func (l *link) pumpUp() {
	l.pump(l.server, l.client)
	l.proxy.clientGone()
	l.server.CloseWrite()
}

func (l *link) pumpDown() { l.pump(l.client, l.server) }

// pump copies until one side ends. What the other side cannot take any more is thrown away: the end of from is
// what we wait for.
func (l *link) pump(to, from *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	broken := false
	for {
		n, err := from.Read(buffer)
		l.proxy.passage(l)
		if n > 0 && !broken {
			_, writeErr := to.Write(buffer[:n])
			broken = writeErr != nil
		}
		if err != nil {
			return
		}
	}
}

// cut resets both sides.
func (l *link) cut() {
	l.cancel()
	reset(l.client)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		reset(l.server)
	}
}

// reset closes a connection in a way that its peer sees at once.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}
