//! Runs the example programs of a package as a user would, against a sandbox. Included by path.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use guestexec_sandbox::Sandbox;

/// The program of an example, with the sandbox's variables and no others but `PATH`.
pub fn example(sandbox: &Sandbox, name: &str) -> Command {
    let test = env::current_exe().expect("the test's own path is known");
    let folder = test.parent().and_then(Path::parent).expect("it is in target/PROFILE/deps");
    let program = folder.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    let how = "`cargo test` of the package builds it, `cargo test --test examples` does not";
    assert!(program.exists(), "{} is missing: {how}", program.display());
    let mut command = Command::new(program);
    command.env_clear().envs(sandbox.env()).stdin(Stdio::null());
    command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// What a program did.
#[derive(Debug)]
#[allow(dead_code, reason = "not every package looks at all of it")]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs an example to its end. The sandbox serves on other threads.
pub fn run<S: AsRef<OsStr>>(
    sandbox: &Sandbox,
    name: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Done {
    let output = example(sandbox, name).args(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("programs print text");
    Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
