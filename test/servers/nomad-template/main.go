// Command nomad-template renders the env templates of a task as a Nomad client does: the same consul-template, with the
// task's environment and the machine's attributes in place of its own, and the same parser of the rendered files.
//
// Takes an input on standard input and writes an output to standard output, both JSON. Ends with 1 and a text on
// standard error if a template or a rendered file makes no sense.
//
// See client/allocrunner/taskrunner/template/template.go in Nomad: templateRunner, maskProcessEnv, loadTemplateEnv.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	ctconf "github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/logging"
	"github.com/hashicorp/consul-template/manager"
	"github.com/hashicorp/go-envparse"
)

type input struct {
	// Addresses, such as http://127.0.0.1:8500.
	Consul string
	Nomad  string
	// What Nomad gives the task for Consul. Empty for the anonymous one.
	Token string
	// What the task has before, and attr.* of the machine.
	Env map[string]string
	// A part of a job's task, in HCL: its blocks of template are rendered.
	Hcl string
	// How long to wait for what is missing.
	TimeoutMs int
}

type output struct {
	// Variables of all templates; the later template wins. Null while something is missing.
	Env map[string]string `json:"env"`
	// What the templates wait for.
	Missing []string `json:"missing"`
	// What HCL makes of the blocks, in their order.
	Blocks []block `json:"blocks"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	folder, err := os.MkdirTemp("", "nomad-template-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := logging.Setup(&logging.Config{Level: "ERR", Writer: os.Stderr}); err != nil {
		return err
	}

	blocks, err := parse(in.Hcl)
	if err != nil {
		return err
	}
	templates := []block{}
	for _, one := range blocks {
		if one.Type == "template" {
			templates = append(templates, one)
		}
	}
	files := make([]string, len(templates))
	runner, err := newRunner(in, folder, templates, files)
	if err != nil {
		return err
	}
	go runner.Start()
	defer runner.Stop()

	limit := time.After(time.Duration(in.TimeoutMs) * time.Millisecond)
	for {
		select {
		case err := <-runner.ErrCh:
			return fmt.Errorf("render: %w", err)
		case <-runner.TemplateRenderedCh():
			if rendered(runner, len(templates)) {
				return write(files, blocks)
			}
		case <-limit:
			return json.NewEncoder(os.Stdout).Encode(output{Missing: missing(runner), Blocks: blocks})
		}
	}
}

func newRunner(in input, folder string, blocks []block, files []string) (*manager.Runner, error) {
	conf := ctconf.DefaultConfig()
	templates := ctconf.TemplateConfigs{}
	for at := range blocks {
		data := blocks[at].Attributes["data"]
		files[at] = filepath.Join(folder, blocks[at].Attributes["destination"])
		one := ctconf.DefaultTemplateConfig()
		one.Contents = &data
		one.Destination = &files[at]
		one.SandboxPath = &folder
		one.FunctionDenylist = []string{"plugin", "writeToFile"}
		one.Finalize()
		templates = append(templates, one)
	}
	conf.Templates = &templates
	conf.Consul.Address = &in.Consul
	conf.Consul.Token = &in.Token
	conf.Nomad.Address = &in.Nomad
	conf.Finalize()
	runner, err := manager.NewRunner(conf, false)
	if err != nil {
		return nil, err
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if _, has := in.Env[name]; !has {
			in.Env[name] = ""
		}
	}
	runner.Env = in.Env
	return runner, nil
}

func rendered(runner *manager.Runner, count int) bool {
	events := runner.RenderEvents()
	for _, event := range events {
		if event.LastWouldRender.IsZero() {
			return false
		}
	}
	return len(events) == count
}

func missing(runner *manager.Runner) []string {
	found := []string{}
	for _, event := range runner.RenderEvents() {
		if event.MissingDeps == nil {
			continue
		}
		for _, dependency := range event.MissingDeps.List() {
			found = append(found, dependency.String())
		}
	}
	sort.Strings(found)
	return found
}

func write(files []string, blocks []block) error {
	out := output{Env: map[string]string{}, Missing: []string{}, Blocks: blocks}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		variables, err := envparse.Parse(strings.NewReader(string(text)))
		if err != nil {
			return fmt.Errorf("parse a rendered file: %w", err)
		}
		for name, value := range variables {
			out.Env[name] = value
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
