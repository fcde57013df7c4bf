// The TLS server of Go's standard library, for tests: tls_server ADDRESS CHAIN KEY [CHAIN KEY].
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	var pairs []tls.Certificate
	for place := 2; place+1 < len(os.Args); place += 2 {
		pair, err := tls.LoadX509KeyPair(os.Args[place], os.Args[place+1])
		if err != nil {
			log.Fatal(err)
		}
		pairs = append(pairs, pair)
	}
	server := &http.Server{
		Addr:      os.Args[1],
		TLSConfig: &tls.Config{Certificates: pairs},
		Handler: http.HandlerFunc(func(answer http.ResponseWriter, asked *http.Request) {
			fmt.Fprintln(answer, asked.Host)
		}),
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
