//! Copies a folder into a pod, or out of it, as a tar archive: `tar_pod in|out NAMESPACE POD FOLDER < or > FILE`.
use std::{env, error::Error, fs::File, os::fd::AsFd as _};

use guestexec_cci::Client;
use tokio::io::{copy, stdout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [direction, namespace, pod, folder] = &arguments[..] else {
        return Err("usage: tar_pod in|out NAMESPACE POD FOLDER".into());
    };
    let cci = Client::builder().from_env()?.build()?;
    let pod = cci.pod(namespace, pod);
    let mut child = match direction.as_str() {
        "in" => {
            let archive = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            pod.exec(["tar", "-x", "-C", folder]).stdin(archive).spawn().await?
        }
        _ => pod.exec(["tar", "-c", "-C", folder, "."]).spawn().await?,
    };
    copy(&mut child.stdout.take().ok_or("no output")?, &mut stdout()).await?;
    let output = child.wait_with_output().await?;
    if !output.success() {
        return Err(format!("tar: {output}: {}", output.stderr_lossy()).into());
    }
    Ok(())
}
