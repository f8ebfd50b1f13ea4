package testenv

import (
	"errors"
	"net"
	"sync"
)

// Proxy passes TCP connections on to a server, counts them, and breaks them on request.
type Proxy struct {
	target   string
	listener net.Listener
	work     sync.WaitGroup // every goroutine

	mu      sync.Mutex // guards the rest
	closed  bool
	refuse  bool
	gate    chan struct{} // closed while bytes flow
	links   map[*link]struct{}
	servers gauge
	clients gauge
	total   int
}

// gauge is a number and the highest that it ever was.
type gauge struct{ now, max int }

func (g *gauge) add(n int) {
	g.now += n
	g.max = max(g.max, g.now)
}

// StartProxy listens on a free port of 127.0.0.1 and passes on to target, a host:port.
func StartProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: listener, gate: make(chan struct{}), links: map[*link]struct{}{}}
	close(p.gate)
	p.work.Go(p.accept)
	return p, nil
}

// Addr is host:port of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Port is the port of the proxy on 127.0.0.1.
func (p *Proxy) Port() uint16 { return uint16(p.listener.Addr().(*net.TCPAddr).Port) }

// Open counts the connections to the server now: each from before it is dialled until the server has closed its
// end, which is when its session is over. A client that has gone while the server still works is counted.
func (p *Proxy) Open() int { return p.read(func() int { return p.servers.now }) }

// MaxOpen is the most that Open ever was.
func (p *Proxy) MaxOpen() int { return p.read(func() int { return p.servers.max }) }

// Clients counts the clients' ends that are open now: each from its accept until the client has closed it.
func (p *Proxy) Clients() int { return p.read(func() int { return p.clients.now }) }

// MaxClients is the most that Clients ever was.
func (p *Proxy) MaxClients() int { return p.read(func() int { return p.clients.max }) }

// Total counts all connections that were ever passed on.
func (p *Proxy) Total() int { return p.read(func() int { return p.total }) }

func (p *Proxy) read(f func() int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

// Refuse makes new connections fail (they are reset), or lets them in again. Open ones stay.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// Pause stops the bytes, in both directions, on open and on new connections. Nothing is closed or lost.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isClosed(p.gate) && !p.closed {
		p.gate = make(chan struct{})
	}
}

// Resume undoes Pause.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open()
}

// open lets bytes flow. The caller holds mu.
func (p *Proxy) open() {
	if !isClosed(p.gate) {
		close(p.gate)
	}
}

func isClosed(gate chan struct{}) bool {
	select {
	case <-gate:
		return true
	default:
		return false
	}
}

// CloseAll cuts all open connections, on both sides, as a broken network does.
func (p *Proxy) CloseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Close cuts everything, stops listening, and waits until all goroutines have ended. Calling it again does
// nothing.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.open()
	for l := range p.links {
		l.cut()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if l := p.admit(client.(*net.TCPConn)); l != nil {
			p.work.Go(l.run)
		}
	}
}

// admit counts a client in, or turns it away.
func (p *Proxy) admit(client *net.TCPConn) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		reset(client)
		return nil
	}
	l := newLink(p, client)
	p.links[l] = struct{}{}
	p.servers.add(1)
	p.clients.add(1)
	p.total++
	return l
}

// clientGone counts a client's end out.
func (p *Proxy) clientGone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients.add(-1)
}

// serverGone counts a connection to the server out. Only its first call counts.
func (p *Proxy) serverGone(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.gone {
		l.gone = true
		p.servers.add(-1)
	}
}

// release forgets a link.
func (p *Proxy) release(l *link) {
	p.serverGone(l)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// passage blocks while the proxy is paused, unless the link is cut.
func (p *Proxy) passage(l *link) {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
	case <-l.ctx.Done():
	}
}
