// A Go server that accepts the API Gateway client certificates in a PEM file and no others.
//
//	go run server.go trusted-clients.pem server.pem server.key [port]
//
// It loads the files again on SIGHUP. trusted_clients.py writes the PEM file;
// docs/how-to/trust.md explains it.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

func loadFiles() (*tls.Config, error) {
	pems, err := os.ReadFile(os.Args[1])
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pems) {
		return nil, fmt.Errorf("%s has no certificate", os.Args[1])
	}
	own, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		// Go's own verifier accepts each of several certificates with the same name.
		ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs:  trusted,
		NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

func main() {
	var current atomic.Pointer[tls.Config]
	config, err := loadFiles()
	if err != nil {
		log.Fatal(err)
	}
	current.Store(config)

	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP)
	go func() {
		for range reloads {
			if config, err := loadFiles(); err != nil {
				log.Printf("the files were not loaded: %v", err)
			} else {
				current.Store(config)
			}
		}
	}()

	port := "8443"
	if len(os.Args) > 4 {
		port = os.Args[4]
	}
	server := &http.Server{
		Addr: "127.0.0.1:" + port,
		TLSConfig: &tls.Config{
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				return current.Load(), nil
			},
		},
		Handler: http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(response, "hello, API Gateway")
		}),
	}
	log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
}
