//! `guestexec tat regions`: where TAT is offered.

use serde_json::json;

use super::ends::of_error;
use crate::{
    connect::tat::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing,
};

/// A region that answers.
const ANY: &str = "ap-guangzhou";

/// Lists the regions.
pub(crate) async fn run(settings: Settings, global: &Global) -> Result<Exit, Failure> {
    let mut settings = settings.resolved()?;
    // The list is the same in each, and one has to be named.
    if settings.region().is_none() {
        settings.region = Some(ANY.to_owned());
    }
    let client = settings.client().await?;
    let answer = client.describe_regions().send().await.map_err(|error| of_error(&error))?;
    let mut list = Listing::new(["REGION", "NAME", "STATE"]);
    for region in answer.into_inner().region_set {
        list.add([
            json!(region.region),
            json!(region.region_name),
            json!(region.region_state.map(|state| state.to_string())),
        ]);
    }
    list.write(global).await
}
