// Command juju asks Juju's own packages which images a published tree holds.
//
// Every line of its input is a lookup, {"root": URL, "region": "", "endpoint": "", "stream": "",
// "releases": [], "arches": [], "key": ""}; every line of its output, in the same order, is the answer: the images,
// by their ids, the index that they come from, or what was wrong. The source is as Juju makes it of the
// root in a Keystone catalog: without a signing key, and unsigned metadata will do. With "key", an armored
// public key, it is one that must be signed by it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/juju/clock"
	"github.com/juju/juju/environs/imagemetadata"
	"github.com/juju/juju/environs/simplestreams"
)

type lookup struct {
	Root     string   `json:"root"`
	Region   string   `json:"region"`
	Endpoint string   `json:"endpoint"`
	Stream   string   `json:"stream"`
	Releases []string `json:"releases"`
	Arches   []string `json:"arches"`
	Key      string   `json:"key"`
}

type answer struct {
	Images []*imagemetadata.ImageMetadata `json:"images"`
	Index  string                         `json:"index"`
	Signed bool                           `json:"signed"`
	Error  string                         `json:"error"`
}

// impatient does not wait before it tries again; what it does is what Juju does.
type impatient struct{ clock.Clock }

func (impatient) After(time.Duration) <-chan time.Time { return clock.WallClock.After(0) }

func fetch(wanted lookup) answer {
	streams := simplestreams.NewSimpleStreams(simplestreams.DefaultDataSourceFactory())
	source := streams.NewDataSource(simplestreams.Config{
		Description:          "keystone catalog",
		BaseURL:              wanted.Root,
		HostnameVerification: true,
		PublicSigningKey:     wanted.Key,
		RequireSigned:        wanted.Key != "",
		Priority:             simplestreams.SPECIFIC_CLOUD_DATA,
		Clock:                impatient{clock.WallClock},
	})
	constraint, err := imagemetadata.NewImageConstraint(simplestreams.LookupParams{
		CloudSpec: simplestreams.CloudSpec{Region: wanted.Region, Endpoint: wanted.Endpoint},
		Releases:  wanted.Releases,
		Arches:    wanted.Arches,
		Stream:    wanted.Stream,
	}, nil)
	if err != nil {
		return answer{Error: err.Error()}
	}
	images, resolved, err := imagemetadata.Fetch(streams, []simplestreams.DataSource{source}, constraint)
	found := answer{Images: images}
	if err != nil {
		found.Error = err.Error()
	}
	if resolved != nil {
		found.Index, found.Signed = resolved.IndexURL, resolved.Signed
	}
	return found
}

func run(input io.Reader, output io.Writer) error {
	lookups, answers := json.NewDecoder(input), json.NewEncoder(output)
	lookups.DisallowUnknownFields()
	for {
		var wanted lookup
		if err := lookups.Decode(&wanted); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(fetch(wanted)); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "juju:", err)
		os.Exit(1)
	}
}
