// A Go server that accepts the API Gateway client certificates in a PEM file and no others.
//
//	go run server.go trusted-clients.pem server.pem server.key [port]
//
// trusted_clients.py writes the PEM file; docs/trust.md explains it.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	pems, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pems) {
		log.Fatalf("%s has no certificate", os.Args[1])
	}
	port := "8443"
	if len(os.Args) > 4 {
		port = os.Args[4]
	}
	server := &http.Server{
		Addr: "127.0.0.1:" + port,
		// Go's own verifier accepts each of several certificates with the same name.
		TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted},
		Handler: http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(response, "hello, API Gateway")
		}),
	}
	log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
}
