//! Calls through a transport of its own, which sees each attempt, retries included.
use std::{error::Error, time::Duration};

use guestexec_tat::{
    CallOptions, Client, HttpOptions, HttpTransport, Operation, Request, ResponseFuture, Transport,
};

#[derive(Debug)]
struct Printed(HttpTransport);

impl Transport for Printed {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        Box::pin(async move {
            let answer = self.0.execute(operation, request).await;
            match &answer {
                Ok(response) => println!("{}: {}", operation.id, response.status()),
                Err(error) => println!("{}: {error}", operation.id),
            }
            answer
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let transport = Printed(HttpTransport::new(&HttpOptions::default())?);
    let tat = Client::builder().from_env()?.transport(transport).build()?;
    let options = CallOptions::new().call_timeout(Duration::from_secs(3)).header("x-trace", "abc");
    let regions = tat.with_options(options).describe_regions().send().await?;
    println!("{} regions", regions.region_set.len());
    Ok(())
}
