//! The binary: parse, run, turn the outcome into an exit code.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(command), Some(run_dir), None) if command == "keeper-process" => {
            match drplan::keeper::serve(Path::new(&run_dir)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "the keeper failed to {error}");
                    ExitCode::from(2)
                }
            }
        }
        _ => ExitCode::from(2),
    }
}
