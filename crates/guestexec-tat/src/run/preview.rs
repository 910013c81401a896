//! A dry run: the script with its placeholders replaced.

use guestexec_core::{Base64, ErrorKind};

use super::{
    Run,
    command::{Command, Kind, Runnable},
};
use crate::{Error, hooks::Call, operations::PREVIEW_REPLACED_COMMAND_CONTENT};

impl<K: Runnable> Run<'_, K> {
    /// Returns the script as it would run, its placeholders replaced by the service. Nothing runs.
    ///
    /// A placeholder without a value stays as it is. Without any parameter the script itself is returned,
    /// and the service is not called.
    ///
    /// # Errors
    /// Those of PreviewReplacedCommandContent.
    pub async fn preview(&self) -> Result<Base64, Error> {
        let command = Command { common: self.common.clone(), kind: self.what.clone().into_kind() };
        command.check()?;
        let preview = self.client.preview_replaced_command_content();
        let mut preview = match &command.kind {
            Kind::Script(script) if !command.has_parameters() => return Ok(script.content.clone()),
            Kind::Script(script) => preview.content(script.content.clone()),
            Kind::Saved(saved) => preview.command_id(&saved.id),
        };
        // The service does not know a script's defaults before it is run.
        if let Some(parameters) = command.parameters(matches!(command.kind, Kind::Script(_))) {
            preview = preview.parameters(parameters);
        }
        let call = Call { marks: command.marks(None), ..Call::default() };
        let answer = preview.send_in(call).await?.into_inner();
        answer.replaced_content.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the answer holds no script")
                .during(PREVIEW_REPLACED_COMMAND_CONTENT.id)
        })
    }
}
