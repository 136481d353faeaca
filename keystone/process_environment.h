#pragma once

#include "keystone/credentials.h"

namespace streamsync {

/// The environment of this process, with what is secret taken out of it into guarded memory: no
/// child inherits it (gpg is one), and /proc/PID/environ shows it no more (threats-and-faults.md
/// T17). Changes the environment, so `main` calls it once, before there is another thread.
Environment take_process_environment();

}  // namespace streamsync
