//! A dry run: the script with its placeholders replaced.

use guestexec_core::{Base64, ErrorKind};

use super::{
    Run,
    command::{Command, Kind, What},
};
use crate::{
    Error, hooks::Call, operations::PREVIEW_REPLACED_COMMAND_CONTENT,
    types::PreviewReplacedCommandContentRequest,
};

impl<K: What> Run<'_, K> {
    /// Returns the script as it would run, its placeholders replaced by the service. Nothing runs.
    ///
    /// A placeholder without a value stays as it is. Without any parameter the script itself is returned,
    /// and the service is not called.
    ///
    /// # Errors
    /// Those of PreviewReplacedCommandContent.
    pub async fn preview(&self) -> Result<Base64, Error> {
        let command = Command { common: self.common.clone(), kind: self.what.clone().into() };
        command.check()?;
        let request = PreviewReplacedCommandContentRequest::new();
        let mut request = match &command.kind {
            Kind::Script(script) if !command.has_parameters() => return Ok(script.content.clone()),
            Kind::Script(script) => request.content(script.content.clone()),
            Kind::Saved(saved) => request.command_id(&saved.id),
        };
        // The service does not know a script's defaults before it is run.
        request.parameters = command.parameters(matches!(command.kind, Kind::Script(_)));
        let call = Call { marks: command.marks(None), ..Call::default() };
        let preview = self.client.preview_replaced_command_content().body(request);
        let answer = preview.send_in(call).await?.into_inner();
        answer.response.replaced_content.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the answer holds no script")
                .during(PREVIEW_REPLACED_COMMAND_CONTENT.id)
        })
    }
}
