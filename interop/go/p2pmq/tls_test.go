package p2pmq

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"pmq/interop/agent"
	pb "pmq/interop/p2pmqpb"
)

// selfSigned makes name.crt and name.key in dir, and answers both for a connection.
func selfSigned(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{"localhost"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	for file, text := range map[string][]byte{name + ".crt": certificate, name + ".key": private} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certificate, private)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestCertificatesBothWays(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), agent.Soon)
	defer cancel()
	dir := t.TempDir()
	selfSigned(t, dir, "own")
	client, stranger := selfSigned(t, dir, "client"), selfSigned(t, dir, "stranger")
	running := agent.StartTLS(t, dir)
	own, err := os.ReadFile(filepath.Join(dir, "own.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(own)
	publish := func(shown ...tls.Certificate) error {
		config := &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: shown, MinVersion: tls.VersionTLS13}
		connection, err := grpc.NewClient(running.GRPC, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_, err = pb.NewControlServiceClient(connection).Publish(ctx, &pb.PublishRequest{Topic: "weather.reports", Data: []byte("report")})
		return err
	}
	if err := publish(client); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"a stranger": publish(stranger), "nobody": publish()} {
		if status.Code(err) != codes.Unavailable {
			t.Fatalf("%s: %v", name, err)
		}
	}
}
