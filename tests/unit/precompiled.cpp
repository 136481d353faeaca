// Carries the precompiled Catch2 header that the unit tests reuse.
