//! The tests that need the real binary, or the disk.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests touch the world, and a panic is how they fail"
)]

mod approve;
mod arithmetic;
mod bad_input;
mod bucket;
mod bundle;
mod by_hand;
mod canary;
mod chain;
mod check;
mod child;
mod clocks;
mod corpus;
mod deadlock;
mod diff;
mod drplan;
mod dry_run;
mod each;
mod effect;
mod execute;
mod failback;
mod fix;
mod formats;
mod generated;
mod graph;
mod history;
mod hold;
mod hosts;
mod imported_steps;
mod imports;
mod jobs;
mod journal;
mod keeper;
mod layers;
mod live;
mod manual;
mod metachat;
mod mutation;
mod notify;
mod pages;
mod people;
mod plans;
mod points;
mod policy;
mod preconditions;
mod quickstart;
mod recipes;
mod recovery_time;
mod render;
mod resume;
mod sabotage;
mod screen;
mod secrets;
mod security_key;
mod servers;
mod signers;
mod simulate;
mod small_disk;
mod soak;
mod stage;
mod stored_points;
mod take_over;
mod timers;
#[cfg(feature = "otel")]
mod traces;
mod tree;
mod typist;
mod undo;
mod verify;
