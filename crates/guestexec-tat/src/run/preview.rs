//! A dry run: the script with its parameters filled in.

use guestexec_core::{Base64, ErrorKind};

use super::{
    Run,
    command::{Kind, What},
};
use crate::{Error, types::PreviewReplacedCommandContentRequest};

impl<K: What> Run<'_, K> {
    /// The script as it would run, placeholders replaced by the service; nothing runs.
    ///
    /// A placeholder without a value stays as it is. So does the whole script where there is no
    /// parameter at all, and then the service is not asked.
    ///
    /// # Errors
    /// Those of PreviewReplacedCommandContent.
    pub async fn preview(&self) -> Result<Base64, Error> {
        let command = self.what.clone().with(self.common.clone());
        command.check()?;
        let request = PreviewReplacedCommandContentRequest::builder();
        let request = match &command.kind {
            Kind::Script(script) if !command.has_parameters() => return Ok(script.content.clone()),
            // A script's defaults are not known to the service before it is run.
            Kind::Script(script) => {
                request.content(script.content.clone()).parameters(command.parameters(true))
            }
            Kind::Saved(saved) => {
                request.command_id(saved.id.clone()).parameters(command.parameters(false))
            }
        };
        let answer =
            self.client.preview_replaced_command_content().body(request).send().await?.into_inner();
        answer.response.replaced_content.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the answer holds no script")
                .during("PreviewReplacedCommandContent")
        })
    }
}
