module streamsync/tests/juju

go 1.24.6

// Juju 3.6.11. Go takes no tag v3 of a module without /v3 in its path, so the commit stands here.
require github.com/juju/juju v0.0.0-20251015133347-17876b918429
