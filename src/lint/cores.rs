//! Work on all cores.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Trees of plans are walked by recursion; their depth was set with the stack of the main thread in mind.
const STACK: usize = 8 << 20;

/// As many threads as there are cores, begun when they are first asked for; none where the system refuses.
static THREADS: LazyLock<Option<ThreadPool>> =
    LazyLock::new(|| ThreadPoolBuilder::new().stack_size(STACK).build().ok());

/// Carries out work in which iterators of rayon use all cores.
pub fn on_all_cores<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Who is on one of several cores already shares them.
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match &*THREADS {
        Some(threads) => threads.install(work),
        None => work(),
    }
}
