// Package clientaddress is a Traefik plugin, read by Traefik's Go interpreter when it starts.
//
// Behind Cloudflare the peer is always cloudflared, and X-Forwarded-For holds whatever the client wrote, with the client's
// address appended. CF-Connecting-IP is the only header that Cloudflare's edge writes itself. Stalwart believes the first
// address of X-Forwarded-For, so it must be that one.
package clientaddress

import (
	"context"
	"net"
	"net/http"
)

const source = "Cf-Connecting-Ip"

// Config is empty: the rule has no variants.
type Config struct{}

// CreateConfig is asked for by Traefik.
func CreateConfig() *Config {
	return &Config{}
}

type clientAddress struct {
	next http.Handler
}

// New is asked for by Traefik.
func New(_ context.Context, next http.Handler, _ *Config, _ string) (http.Handler, error) {
	return &clientAddress{next: next}, nil
}

// ServeHTTP replaces every claim about the client's address by the edge's. A request without one did not come through
// Cloudflare, or its zone removes visitors' addresses: passed on it would count as cloudflared's own, which is never banned.
func (c *clientAddress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	values := r.Header[source]
	var address net.IP
	if len(values) == 1 {
		address = net.ParseIP(values[0])
	}
	if address == nil {
		http.Error(w, "CF-Connecting-IP names no client address.", http.StatusBadRequest)
		return
	}
	r.Header.Del("Forwarded")
	r.Header.Set("X-Forwarded-For", address.String())
	r.Header.Set("X-Real-Ip", address.String())
	c.next.ServeHTTP(w, r)
}
