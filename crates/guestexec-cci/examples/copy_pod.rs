//! Copies a file or folder into a pod or out of it: `copy_pod in|out NAMESPACE POD LOCAL REMOTE`.
use std::{env, error::Error, time::Duration};

use guestexec_cci::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [direction, namespace, pod, local, remote] = &arguments[..] else {
        return Err("usage: copy_pod in|out NAMESPACE POD LOCAL REMOTE".into());
    };
    let cci = Client::builder().from_env()?.build()?;
    let pod = cci.pod(namespace, pod);
    let limit = Duration::from_secs(3600);
    let copied = match direction.as_str() {
        "in" => pod.copy_in(local, remote).timeout(limit).await?,
        _ => {
            let copy = pod.copy_out(remote, local).timeout(limit);
            copy.progress(|at| eprintln!("{} bytes: {}", at.bytes, at.name.display())).await?
        }
    };
    println!("{copied}");
    Ok(())
}
