#pragma once

namespace streamsync {

/// What `main` does first (threats-and-faults.md T17): no core file, which would hold what
/// libraries keep of our secrets; no look into this process by others of the same user; and nothing
/// is ever made that other users may write to, whatever the umask says.
void harden_process();

/// A reader of ours that goes away is told by EPIPE, not by the signal that would end a run
/// (signal(7)). gpg, which we start, takes it as we do.
void ignore_broken_pipes() noexcept;

/// As many files as the system lets us have: each document of a source is one, while it is in use.
void raise_file_limit() noexcept;

}  // namespace streamsync
