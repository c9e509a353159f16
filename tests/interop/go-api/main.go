// What the Go client of the vault does against ours: one scenario a run, silent if all is well.
//
// Usage: VAULT_ADDR=… VAULT_TOKEN=… go-api SCENARIO PREFIX. Everything made is named after PREFIX.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

var scenarios = map[string]func(*run){
	"approle":  approleLogin,
	"audit":    auditDevices,
	"kv1":      kvVersion1,
	"kv2":      kvVersion2,
	"leases":   leases,
	"mounts":   mounts,
	"policies": policies,
	"root":     generateRoot,
	"system":   system,
	"tokens":   tokens,
	"transit":  transit,
	"userpass": userpassLogin,
	"watcher":  watcher,
	"wrapping": wrapping,
}

func main() {
	names := make([]string, 0, len(scenarios))
	for name := range scenarios {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(os.Args) != 3 || scenarios[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: go-api %s PREFIX\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	r := &run{Context: ctx, prefix: os.Args[2]}
	r.root = r.client(os.Getenv("VAULT_TOKEN"))
	scenarios[os.Args[1]](r)
}

// run is one run of a scenario: the first thing that is not as it should be ends it.
type run struct {
	context.Context
	prefix string
	root   *api.Client
}

// client is a client like any user's: address from the environment, retries as they are by default.
func (r *run) client(token string) *api.Client {
	client, err := api.NewClient(api.DefaultConfig())
	r.ok(err)
	client.SetToken(token)
	return client
}

func (r *run) ok(err error) {
	if err != nil {
		r.fail("%v", err)
	}
}

func (r *run) equal(got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		r.fail("got %#v, wanted %#v", got, wanted)
	}
}

func (r *run) is(holds bool, what string) {
	if !holds {
		r.fail("%s", what)
	}
}

// refused checks that the server answered with this status and that text.
func (r *run) refused(err error, status int, text string) {
	var answer *api.ResponseError
	if !errors.As(err, &answer) {
		r.fail("wanted status %d, got %v", status, err)
	}
	if answer.StatusCode != status || !strings.Contains(strings.Join(answer.Errors, "\n"), text) {
		r.fail("wanted status %d with %q, got %v", status, text, err)
	}
}

// fail names the line of the scenario.
func (r *run) fail(format string, arguments ...any) {
	where := ""
	for depth := 1; depth < 8; depth++ {
		_, file, line, _ := runtime.Caller(depth)
		if !strings.HasSuffix(file, "main.go") {
			where = fmt.Sprintf("%s:%d: ", file[strings.LastIndex(file, "/")+1:], line)
			break
		}
	}
	fmt.Fprintf(os.Stderr, where+format+"\n", arguments...)
	os.Exit(1)
}

// mount enables a secrets engine that is this run's own.
func (r *run) mount(kind string, options map[string]string) string {
	path := r.prefix + "-" + kind
	r.ok(r.root.Sys().MountWithContext(r, path, &api.MountInput{Type: kind, Options: options}))
	return path
}

// policy writes a policy that is this run's own.
func (r *run) policy(rules string) string {
	name := r.prefix + "-policy"
	r.ok(r.root.Sys().PutPolicyWithContext(r, name, rules))
	return name
}

// number reads a number out of an answer.
func (r *run) number(value any) int64 {
	text, isNumber := value.(interface{ Int64() (int64, error) })
	r.is(isNumber, fmt.Sprintf("%#v is no number", value))
	number, err := text.Int64()
	r.ok(err)
	return number
}
