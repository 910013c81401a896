//! What each provider has of its own: its client, its settings and its operations.

/// Writes the subcommand of a provider. Each has a client and a builder of its own types. `defaults` gives what the
/// settings say of parameters that are not given, and `finish` ends what the client has opened.
macro_rules! provider {
    (
        $name:ident,
        defaults: |$settings:ident| $defaults:expr,
        finish: |$client:ident| $finish:expr
    ) => {
        pub(crate) mod $name {
            use clap::Args;
            use clap_complete::ArgValueCandidates;
            use guestexec::$name::{by_name, examples};

            use super::super::{
                What, candidates, dry_run::DryRun, find, given, list, show, template,
            };
            use crate::{connect::$name::Settings, ending::Exit, failure::Failure, global::Global, say};

            /// The name on the command line.
            const PROVIDER: &str = stringify!($name);

            /// The operation, and what it is given.
            #[derive(Args, Debug)]
            pub(crate) struct Arguments {
                /// The operation, by the vendor's name or the client's method, in any case
                #[arg(
                                    value_name = "OPERATION",
                                    add = ArgValueCandidates::new(|| candidates(by_name::ALL))
                                )]
                operation: Option<String>,
                #[command(flatten)]
                what: What,
                #[command(flatten)]
                settings: Settings,
            }

            impl Arguments {
                pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
                    let Self { operation, what, settings } = self;
                    let Some(name) = operation else {
                        return list::all(PROVIDER, by_name::ALL, global).await;
                    };
                    let called = find(PROVIDER, by_name::ALL, &name)?;
                    if what.list {
                        return list::one(PROVIDER, called, global).await;
                    }
                    if let Some(example) = &what.body_template {
                        return template::print(called, examples::ALL, example).await;
                    }
                    if called.is_upgrade {
                        return Err(given::upgrade(PROVIDER, called));
                    }
                    if what.all_pages && !called.is_paged {
                        return Err(given::no_pages(PROVIDER, called));
                    }
                    let mut secrets = settings.secret_from.iter().chain(&settings.token_from);
                    if what.body.as_deref() == Some("-") && secrets.any(|it| it.takes_stdin()) {
                        return Err(given::two_on_stdin());
                    }
                    let mut $settings = settings.resolved()?;
                    let given = given::read(PROVIDER, called, &what, $defaults).await?;
                    let id = called.operation.id;
                    if what.dry_run || what.curl {
                        // What is not sent is not sent again.
                        $settings.retries = Some(0);
                        let dry_run = DryRun::new(id);
                        let builder = $settings.builder().await?.transport(dry_run.clone());
                        let client = builder.build()?;
                        let call = client.call_by_name(id, given.parameters, given.body)?;
                        let failed = call.send().await.err().map(Failure::from);
                        return dry_run.show(failed, what.curl, global).await;
                    }
                    // A session that was given is for others too.
                    let is_own = $settings.token_from.is_none();
                    let $client = $settings.client().await?;
                    let ended = async {
                        let call = $client.call_by_name(id, given.parameters, given.body)?;
                        if what.all_pages {
                            let mut pages = call.pages()?;
                            while let Some(page) = pages.next().await {
                                show::line(&page?).await?;
                            }
                        } else if called.is_streamed {
                            let mut answer = call.send_streamed().await?.into_inner();
                            while let Some(bytes) = answer.chunk().await.map_err(show::broken)? {
                                say::bytes(&bytes).await?;
                            }
                        } else {
                            show::answer(&call.send().await?).await?;
                        }
                        Ok::<(), Failure>(())
                    };
                    let ended = ended.await;
                    if is_own {
                        let finished: Result<(), Failure> = $finish;
                        if let (Ok(()), Err(failure)) = (&ended, finished) {
                            say::note(global, failure.what());
                        }
                    }
                    ended.map(|()| Exit::SUCCESS)
                }
            }
        }
    };
}

provider!(
    cci,
    defaults: |settings| vec![("namespace", settings.namespace().to_owned())],
    finish: |client| {
        drop(client);
        Ok(())
    }
);
provider!(tat, defaults: |settings| Vec::new(), finish: |client| {
    drop(client);
    Ok(())
});
provider!(
    zstack,
    defaults: |settings| Vec::new(),
    finish: |client| client.logout().await.map_err(Failure::from)
);
