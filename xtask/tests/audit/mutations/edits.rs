//! The edits: what changes on a page, and what an audit is to find of it.

use xtask::audit::page::{Code, Member, Operation, Place, Type};

/// An edit of one of the pages.
pub struct Edit {
    /// The page.
    pub page: &'static str,
    /// What is done to it.
    pub name: &'static str,
    /// Does it.
    pub change: fn(&mut Operation),
    /// The fingerprints that come (`+`) and go (`-`).
    pub findings: &'static [&'static str],
}

const GET: &str = "cci-exec-get.txt";
const POST: &str = "cci-exec-post.rst.txt";
const RUN: &str = "tat-run-command.txt";
const EXECUTE: &str = "zstack-execute-guest-vm-command.txt";

/// The pages of a provider.
pub fn pages(provider: &str) -> &'static [&'static str] {
    match provider {
        "cci" => &[GET, POST],
        "tat" => &[RUN],
        _ => &[EXECUTE],
    }
}

impl Edit {
    /// The provider whose page it is.
    pub fn provider(&self) -> &'static str {
        match self.page {
            GET | POST => "cci",
            RUN => "tat",
            _ => "zstack",
        }
    }
}

fn request(operation: &mut Operation) -> &mut Vec<Member> {
    operation.request.as_mut().unwrap()
}

fn answer(operation: &mut Operation) -> &mut Vec<Member> {
    operation.answer.as_mut().unwrap()
}

fn statuses(operation: &mut Operation) -> &mut Vec<Code> {
    operation.statuses.as_mut().unwrap()
}

fn errors(operation: &mut Operation) -> &mut Vec<Code> {
    operation.errors.as_mut().unwrap()
}

/// The member at a path of names.
fn at<'a>(members: &'a mut [Member], path: &str) -> &'a mut Member {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let found = members.iter_mut().find(|member| member.name == first).unwrap();
    match rest {
        Some(rest) => at(&mut found.members, rest),
        None => found,
    }
}

fn member<'a>(operation: &'a mut Operation, path: &str) -> &'a mut Member {
    at(request(operation), path)
}

/// Replaces words of a member's description.
fn say(operation: &mut Operation, path: &str, old: &str, new: &str) {
    let member = member(operation, path);
    assert!(member.text.contains(old), "{path}: {}", member.text);
    member.text = member.text.replace(old, new);
}

fn place(members: &[Member], name: &str) -> usize {
    members.iter().position(|member| member.name == name).unwrap()
}

fn remove(members: &mut Vec<Member>, name: &str) -> Member {
    members.remove(place(members, name))
}

/// Adds a member behind the one called `after`.
fn add(members: &mut Vec<Member>, after: &str, new: Member) {
    let place = place(members, after) + 1;
    members.insert(place, new);
}

fn text(name: &str, required: Option<bool>, text: &str) -> Member {
    let (name, text) = (name.to_owned(), text.to_owned());
    Member { name, text, required, ty: Some(Type::Text), ..Member::default() }
}

fn code(code: &str, text: &str) -> Code {
    Code { code: code.to_owned(), text: text.to_owned(), ..Code::default() }
}

fn drop_code(codes: &mut Vec<Code>, code: &str) {
    let before = codes.len();
    codes.retain(|other| other.code != code);
    assert_eq!(codes.len() + 1, before, "{code}");
}

fn add_code(codes: &mut Vec<Code>, after: &str, new: Code) {
    let place = codes.iter().position(|other| other.code == after).unwrap() + 1;
    codes.insert(place, new);
}

macro_rules! edits {
    ($($page:ident: $name:literal, |$operation:ident| $change:expr => [$($finding:literal),* $(,)?];)*) => {
        /// All of them.
        pub const EDITS: &[Edit] = &[$(Edit {
            page: $page,
            name: $name,
            change: |$operation: &mut Operation| { $change; },
            findings: &[$($finding),*],
        }),*];
    };
}

edits! {
    // Members of a request.
    RUN: "an optional member is new", |o| add(request(o), "Timeout", text("Priority", Some(false), "How urgent the command is."))
        => ["+ member-missing RunCommand.request.Priority"];
    RUN: "a required member is new", |o| add(request(o), "Content", text("Reason", Some(true), "Why the command is run."))
        => ["+ member-missing RunCommand.request.Reason"];
    RUN: "a number is new", |o| add(request(o), "Timeout", Member { ty: Some(Type::Integer), ..text("Retries", Some(false), "How often it is tried. Value range: [0, 5].") })
        => ["+ member-missing RunCommand.request.Retries"];
    RUN: "a list is new", |o| add(request(o), "InstanceIds", Member { ty: Some(Type::List(Box::new(Type::Text))), ..text("GroupIds", Some(false), "Groups of instances, with a cap of 10.") })
        => ["+ member-missing RunCommand.request.GroupIds"];
    RUN: "the last member is new", |o| request(o).push(text("Channel", Some(false), "Where the command comes from."))
        => ["+ member-missing RunCommand.request.Channel"];
    RUN: "two members are new", |o| {
        add(request(o), "Content", text("Alpha", Some(false), "The first word."));
        add(request(o), "Tags", text("Omega", Some(false), "The last word."));
    } => ["+ member-missing RunCommand.request.Alpha", "+ member-missing RunCommand.request.Omega"];
    RUN: "an enumeration is new", |o| add(request(o), "CommandType", text("Shell", Some(false), "The shell. Valid values: BASH, DASH."))
        => ["+ member-missing RunCommand.request.Shell"];
    RUN: "a member is renamed", |o| member(o, "CommandName").name = "CommandTitle".to_owned()
        => ["+ member-gone RunCommand.request.CommandName", "+ member-missing RunCommand.request.CommandTitle"];
    RUN: "a member is gone", |o| drop(remove(request(o), "OutputCOSKeyPrefix"))
        => ["+ member-gone RunCommand.request.OutputCOSKeyPrefix"];
    RUN: "a list is gone", |o| drop(remove(request(o), "Tags"))
        => ["+ member-gone RunCommand.request.Tags"];
    RUN: "a member has moved", |o| { let moved = remove(request(o), "Username"); add(request(o), "Content", moved) }
        => [];
    RUN: "a member is required", |o| member(o, "CommandName").required = Some(true)
        => ["+ required-differs RunCommand.request.CommandName true"];
    RUN: "a list is required", |o| member(o, "Tags").required = Some(true)
        => ["+ required-differs RunCommand.request.Tags true"];
    RUN: "a member is no longer required", |o| member(o, "InstanceIds").required = Some(false)
        => ["+ required-differs RunCommand.request.InstanceIds false"];
    RUN: "a text is no longer required", |o| member(o, "Content").required = Some(false)
        => ["+ required-differs RunCommand.request.Content false"];
    RUN: "a member is deprecated", |o| member(o, "SaveCommand").text.insert_str(0, "This parameter is deprecated. ")
        => ["+ deprecated-differs RunCommand.request.SaveCommand true"];
    RUN: "a number becomes text", |o| member(o, "Timeout").ty = Some(Type::Text)
        => ["+ type-differs RunCommand.request.Timeout String"];
    RUN: "a flag becomes text", |o| member(o, "SaveCommand").ty = Some(Type::Text)
        => ["+ type-differs RunCommand.request.SaveCommand String"];
    RUN: "a list of objects becomes one of texts", |o| member(o, "Tags").ty = Some(Type::List(Box::new(Type::Text)))
        => ["+ type-differs RunCommand.request.Tags Array of String"];
    RUN: "a text becomes a list", |o| member(o, "Username").ty = Some(Type::List(Box::new(Type::Text)))
        => ["+ type-differs RunCommand.request.Username Array of String"];

    // Limits.
    RUN: "fewer items", |o| say(o, "InstanceIds", "cap of 200", "cap of 100")
        => ["+ limit-differs RunCommand.request.InstanceIds maxItems=100"];
    RUN: "more items, in other words", |o| say(o, "InstanceIds", "with a cap of 200", "up to 500 instances")
        => ["+ limit-differs RunCommand.request.InstanceIds maxItems=500"];
    RUN: "the number of items is no longer said", |o| say(o, "InstanceIds", ", with a cap of 200", "")
        => ["+ limit-differs RunCommand.request.InstanceIds maxItems=-"];
    RUN: "fewer tags", |o| say(o, "Tags", "maximum of 10 tags", "maximum of 5 tags")
        => ["+ limit-differs RunCommand.request.Tags maxItems=5"];
    RUN: "more bytes", |o| say(o, "CommandName", "up to 60 bytes", "up to 128 bytes")
        => ["+ limit-differs RunCommand.request.CommandName x-max-bytes=128"];
    RUN: "more characters", |o| say(o, "Description", "120 characters", "256 characters")
        => ["+ limit-differs RunCommand.request.Description maxLength=256"];
    RUN: "fewer characters, in other words", |o| say(o, "Description", "The maximum length is 120 characters.", "It cannot exceed 100 characters.")
        => ["+ limit-differs RunCommand.request.Description maxLength=100"];
    RUN: "a longer script", |o| say(o, "Content", "64 KB", "128 KB")
        => ["+ limit-differs RunCommand.request.Content maxLength=131072"];
    RUN: "a range ends later", |o| say(o, "Timeout", "[1, 86400]", "[1, 172800]")
        => ["+ limit-differs RunCommand.request.Timeout maximum=172800"];
    RUN: "a range begins later", |o| say(o, "Timeout", "[1, 86400]", "[10, 86400]")
        => ["+ limit-differs RunCommand.request.Timeout minimum=10"];
    RUN: "a range in other words", |o| say(o, "Timeout", "Value range: [1, 86400]", "The value is between 5 and 3600")
        => ["+ limit-differs RunCommand.request.Timeout minimum=5", "+ limit-differs RunCommand.request.Timeout maximum=3600"];
    RUN: "another default", |o| say(o, "Timeout", "Default value: 60 seconds", "Default value: 120 seconds")
        => ["+ limit-differs RunCommand.request.Timeout default=120"];
    RUN: "another default of an enumeration", |o| say(o, "CommandType", "default: SHELL", "default: BAT")
        => ["+ limit-differs RunCommand.request.CommandType default=BAT"];
    RUN: "another default of a flag", |o| say(o, "SaveCommand", "default value is false", "default value is true")
        => ["+ limit-differs RunCommand.request.SaveCommand default=true"];
    RUN: "other characters", |o| say(o, "CommandName", "[_-.]", "[_-.:]")
        => ["+ limit-differs RunCommand.request.CommandName pattern=[a-zA-Z0-9_:.-]"];
    RUN: "more members of a JSON object", |o| say(o, "Parameters", "up to 20", "up to 30")
        => ["+ limit-differs RunCommand.request.Parameters maxProperties=30"];
    RUN: "shorter names in a JSON object", |o| say(o, "Parameters", "cap of 64", "cap of 32")
        => ["+ limit-differs RunCommand.request.Parameters keyMaxLength=32"];
    RUN: "another member that a value needs", |o| say(o, "Tags", "SaveCommand is True", "EnableParameter is True")
        => ["+ limit-differs RunCommand.request.Tags x-requires=EnableParameter=true", "+ limit-differs RunCommand.request.Tags x-requires=-"];
    RUN: "a Chinese description with the same limit", |o| member(o, "InstanceIds").text = "待执行命令的实例ID列表，上限200。".to_owned()
        => [];
    RUN: "a Chinese description with another limit", |o| member(o, "InstanceIds").text = "待执行命令的实例ID列表，上限100。".to_owned()
        => ["+ limit-differs RunCommand.request.InstanceIds maxItems=100"];
    RUN: "a Chinese range", |o| member(o, "Timeout").text = "命令超时时间，默认60秒。取值范围[1, 3600]。".to_owned()
        => ["+ limit-differs RunCommand.request.Timeout maximum=3600"];
    RUN: "a Chinese length in bytes", |o| member(o, "CommandName").text = "命令名称。名称仅支持[a-zA-Z0-9_-.]，最大长度不能超64个字节。".to_owned()
        => ["+ limit-differs RunCommand.request.CommandName x-max-bytes=64"];

    // Values.
    RUN: "a value is new", |o| say(o, "CommandType", "POWERSHELL, BAT.", "POWERSHELL, BAT, PYTHON.")
        => ["+ value-missing RunCommand.request.CommandType PYTHON"];
    RUN: "a value is new in the middle", |o| say(o, "CommandType", "SHELL, POWERSHELL", "SHELL, BASH, POWERSHELL")
        => ["+ value-missing RunCommand.request.CommandType BASH"];
    RUN: "a value is gone", |o| say(o, "CommandType", "SHELL, POWERSHELL, BAT", "SHELL, POWERSHELL")
        => ["+ value-gone RunCommand.request.CommandType BAT"];
    RUN: "a value is renamed", |o| say(o, "CommandType", "BAT", "BATCH")
        => ["+ value-gone RunCommand.request.CommandType BAT", "+ value-missing RunCommand.request.CommandType BATCH"];

    // Answers.
    RUN: "a member of the answer is new", |o| add(answer(o), "InvocationId", text("TaskCount", None, "The number of tasks."))
        => ["+ member-missing RunCommand.answer.TaskCount"];
    RUN: "a number of the answer is new", |o| add(answer(o), "CommandId", Member { ty: Some(Type::Integer), ..text("Queued", None, "How many instances wait.") })
        => ["+ member-missing RunCommand.answer.Queued"];
    RUN: "a member of the answer is renamed", |o| at(answer(o), "CommandId").name = "SavedCommandId".to_owned()
        => ["+ member-gone RunCommand.answer.CommandId", "+ member-missing RunCommand.answer.SavedCommandId"];
    RUN: "a member of the answer is gone", |o| drop(remove(answer(o), "CommandId"))
        => ["+ member-gone RunCommand.answer.CommandId"];
    RUN: "a member of the answer is of another type", |o| at(answer(o), "CommandId").ty = Some(Type::Integer)
        => ["+ type-differs RunCommand.answer.CommandId Integer"];

    // Codes.
    RUN: "an error code is new", |o| add_code(errors(o), "InternalError", code("InternalError.Agent", "The agent failed."))
        => ["+ code-missing RunCommand.errors InternalError.Agent"];
    RUN: "the first error code is new", |o| errors(o).insert(0, code("AuthFailure", "Authentication failed."))
        => ["+ code-missing RunCommand.errors AuthFailure"];
    RUN: "the last error code is new", |o| errors(o).push(code("UnsupportedOperation", "The operation is not supported."))
        => ["+ code-missing RunCommand.errors UnsupportedOperation"];
    RUN: "an error code is gone", |o| drop_code(errors(o), "InvalidParameterValue.TooLong")
        => ["+ code-gone RunCommand.errors InvalidParameterValue.TooLong"];
    RUN: "the first error code is gone", |o| drop_code(errors(o), "FailedOperation.CVMError")
        => ["+ code-gone RunCommand.errors FailedOperation.CVMError"];
    RUN: "an error code is renamed", |o| {
        drop_code(errors(o), "OperationDenied");
        add_code(errors(o), "MissingParameter", code("OperationForbidden", "Operation forbidden."));
    } => ["+ code-gone RunCommand.errors OperationDenied", "+ code-missing RunCommand.errors OperationForbidden"];

    // Facts.
    RUN: "a lower rate", |o| o.rate = Some((1, 10))
        => ["+ fact-differs RunCommand rate=10 a second"];
    RUN: "a higher rate", |o| o.rate = Some((1, 50))
        => ["+ fact-differs RunCommand rate=50 a second"];
    RUN: "the operation is deprecated", |o| o.deprecated = Some(Default::default())
        => ["+ deprecated-differs RunCommand true"];

    // Parameters of the path, the query and the headers.
    GET: "a query parameter is new", |o| add(request(o), "container", Member { place: Place::Query, ..text("user", Some(false), "Who runs the command.") })
        => ["+ member-missing connectCciV2GetNamespacedPodExec.request.user"];
    GET: "a flag is new", |o| add(request(o), "tty", Member { place: Place::Query, ty: Some(Type::Boolean), ..text("privileged", Some(false), "Whether it has all rights.") })
        => ["+ member-missing connectCciV2GetNamespacedPodExec.request.privileged"];
    GET: "a header is new", |o| add(request(o), "X-Auth-Token", Member { place: Place::Header, ..text("X-Trace-Id", Some(false), "A number for the logs.") })
        => ["+ member-missing connectCciV2GetNamespacedPodExec.request.X-Trace-Id"];
    GET: "a query parameter is required", |o| member(o, "container").required = Some(true)
        => ["+ required-differs connectCciV2GetNamespacedPodExec.request.container true"];
    GET: "a query parameter is gone", |o| drop(remove(request(o), "tty"))
        => ["+ member-gone connectCciV2GetNamespacedPodExec.request.tty"];
    GET: "a query parameter is renamed", |o| member(o, "stderr").name = "errors".to_owned()
        => ["+ member-gone connectCciV2GetNamespacedPodExec.request.stderr", "+ member-missing connectCciV2GetNamespacedPodExec.request.errors"];
    GET: "a flag becomes text", |o| member(o, "tty").ty = Some(Type::Text)
        => ["+ type-differs connectCciV2GetNamespacedPodExec.request.tty String"];
    GET: "a flag becomes a number", |o| member(o, "stdin").ty = Some(Type::Integer)
        => ["+ type-differs connectCciV2GetNamespacedPodExec.request.stdin Integer"];
    GET: "a status is new", |o| add_code(statuses(o), "409", code("410", "Gone"))
        => ["+ code-missing connectCciV2GetNamespacedPodExec.statuses 410"];
    GET: "a status is gone", |o| drop_code(statuses(o), "406")
        => ["+ code-gone connectCciV2GetNamespacedPodExec.statuses 406"];
    GET: "the last status is gone", |o| drop_code(statuses(o), "504")
        => ["+ code-gone connectCciV2GetNamespacedPodExec.statuses 504"];
    GET: "the operation is deprecated", |o| o.deprecated = Some(Default::default())
        => ["+ deprecated-differs connectCciV2GetNamespacedPodExec true"];
    GET: "a parameter is deprecated", |o| member(o, "container").text.insert_str(0, "Deprecated. ")
        => ["+ deprecated-differs connectCciV2GetNamespacedPodExec.request.container true"];
    POST: "a query parameter is new", |o| add(request(o), "tty", Member { place: Place::Query, ..text("locale", Some(false), "The language of messages.") })
        => ["+ member-missing connectCciV2PostNamespacedPodExec.request.locale"];
    POST: "a query parameter is gone", |o| drop(remove(request(o), "stdin"))
        => ["+ member-gone connectCciV2PostNamespacedPodExec.request.stdin"];
    POST: "a query parameter is required", |o| member(o, "stdout").required = Some(true)
        => ["+ required-differs connectCciV2PostNamespacedPodExec.request.stdout true"];
    POST: "a flag becomes text", |o| member(o, "stdout").ty = Some(Type::Text)
        => ["+ type-differs connectCciV2PostNamespacedPodExec.request.stdout String"];
    POST: "a status is new", |o| add_code(statuses(o), "415", code("421", "MisdirectedRequest"))
        => ["+ code-missing connectCciV2PostNamespacedPodExec.statuses 421"];
    POST: "a status is gone", |o| drop_code(statuses(o), "422")
        => ["+ code-gone connectCciV2PostNamespacedPodExec.statuses 422"];

    // Members inside others.
    EXECUTE: "a member inside is new", |o| add(&mut member(o, "params").members, "command", text("workingDirectory", Some(false), "Where the command starts."))
        => ["+ member-missing ExecuteGuestVmCommand.request.params.workingDirectory"];
    EXECUTE: "a required member inside is new", |o| add(&mut member(o, "params").members, "platform", text("shell", Some(true), "The shell that runs it."))
        => ["+ member-missing ExecuteGuestVmCommand.request.params.shell"];
    EXECUTE: "a member inside is renamed", |o| member(o, "params.commandTimeout").name = "timeoutSeconds".to_owned()
        => ["+ member-gone ExecuteGuestVmCommand.request.params.commandTimeout", "+ member-missing ExecuteGuestVmCommand.request.params.timeoutSeconds"];
    EXECUTE: "a member inside is required", |o| member(o, "params.commandTimeout").required = Some(true)
        => ["+ required-differs ExecuteGuestVmCommand.request.params.commandTimeout true"];
    EXECUTE: "a member inside is no longer required", |o| member(o, "params.platform").required = Some(false)
        => ["+ required-differs ExecuteGuestVmCommand.request.params.platform false"];
    EXECUTE: "a member has left its object", |o| {
        let moved = remove(&mut member(o, "params").members, "commandTimeout");
        add(request(o), "params", moved);
    } => ["+ member-gone ExecuteGuestVmCommand.request.params.commandTimeout", "+ member-missing ExecuteGuestVmCommand.request.commandTimeout"];
    EXECUTE: "a member inside is gone", |o| drop(remove(&mut member(o, "params").members, "commandTimeout"))
        => ["+ member-gone ExecuteGuestVmCommand.request.params.commandTimeout"];
    EXECUTE: "a number inside becomes text", |o| member(o, "params.commandTimeout").ty = Some(Type::Text)
        => ["+ type-differs ExecuteGuestVmCommand.request.params.commandTimeout String"];
    EXECUTE: "a list is gone", |o| drop(remove(request(o), "userTags"))
        => ["+ member-gone ExecuteGuestVmCommand.request.userTags"];
    EXECUTE: "a member of the error is new", |o| add(&mut at(answer(o), "error").members, "details", text("hint", Some(true), "What may help."))
        => ["+ member-missing ExecuteGuestVmCommand.answer.error.hint"];
    EXECUTE: "a member of the error is gone", |o| drop(remove(&mut at(answer(o), "error").members, "elaboration"))
        => ["+ member-gone ExecuteGuestVmCommand.answer.error.elaboration"];
    EXECUTE: "a member of the answer is new", |o| add(answer(o), "stream", Member { ty: Some(Type::Integer), ..text("exitCode", Some(true), "The exit code.") })
        => ["+ member-missing ExecuteGuestVmCommand.answer.exitCode"];
    EXECUTE: "a flag of the answer becomes text", |o| at(answer(o), "success").ty = Some(Type::Text)
        => ["+ type-differs ExecuteGuestVmCommand.answer.success String"];
}
