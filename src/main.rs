//! The binary: parse, run, turn the outcome into an exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A large plan is millions of small texts and lists; the allocator of glibc takes a quarter longer for them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    drplan::cli::main().into()
}
