//! Reads requests into the generated types, and checks the document's limits.

use guestexec_core::Validate;
use hyper::body::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{error::ApiError, flat::Tree};
use crate::json::array_for_object;

/// The parameters of a request, in one of the two forms.
pub(super) enum Input {
    /// The body of a POST.
    Json(Bytes),
    /// The query of a GET.
    Query(Tree),
}

/// Reads parameters into a request type that is generated from the document.
pub(super) fn parse<T: DeserializeOwned + Serialize + Validate>(
    input: &Input,
) -> Result<T, ApiError> {
    let convert = |error: serde_path_to_error::Error<serde_json::Error>| {
        convert_error(&error.path().to_string(), error.inner())
    };
    let request: T = match input {
        Input::Query(tree) => serde_path_to_error::deserialize(tree).map_err(convert)?,
        Input::Json(body) => {
            let body = if body.is_empty() { b"{}" } else { &body[..] };
            if body.trim_ascii_start().first() == Some(&b'[') {
                return Err(not_an_object());
            }
            let mut json = serde_json::Deserializer::from_slice(body);
            let request = serde_path_to_error::deserialize(&mut json).map_err(convert)?;
            json.end().map_err(|_| {
                ApiError::new("InvalidParameter", "The body is more than one JSON object.")
            })?;
            match array_for_object(body, &request) {
                None => request,
                Some(path) => return Err(wrong_type(&path)),
            }
        }
    };
    request.validate()?;
    Ok(request)
}

fn convert_error(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    // serde's error texts, on which its own tests insist.
    let quoted =
        |prefix: &str| {
            let (name, _) = text.strip_prefix(prefix)?.split_once('`')?;
            let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let within =
                match path {
                    "." | "" => String::new(),
                    // The path leads to the unknown member itself, or to the object that lacks one.
                    _ if path == name || path.ends_with(&format!(".{name}")) => {
                        if parent.is_empty() { String::new() } else { format!("{parent}.") }
                    }
                    _ => format!("{path}."),
                };
            Some(format!("{within}{name}"))
        };
    if let Some(member) = quoted("unknown field `") {
        return ApiError::new(
            "UnknownParameter",
            format!("`{member}` is not a member of this action."),
        );
    }
    if let Some(member) = quoted("missing field `") {
        return ApiError::new(
            "MissingParameter",
            format!("`{member}` is required, but was not given."),
        );
    }
    if error.is_data() && !matches!(path, "." | "") {
        return wrong_type(path);
    }
    not_an_object()
}

fn wrong_type(path: &str) -> ApiError {
    ApiError::new("InvalidParameterValue", format!("`{path}` has the wrong type."))
}

fn not_an_object() -> ApiError {
    ApiError::new("InvalidParameter", "The body is not a JSON object.")
}

#[cfg(test)]
mod tests {
    use guestexec_tat::types::{DescribeRegionsRequest, RunCommandRequest};

    use super::*;

    fn refused(body: &str) -> (&'static str, String) {
        let body = Input::Json(Bytes::copy_from_slice(body.as_bytes()));
        let error = parse::<RunCommandRequest>(&body).err().unwrap();
        (error.code(), error.to_json()["Error"]["Message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn faults_are_named() {
        for (body, code, names) in [
            ("", "MissingParameter", "`Content`"),
            (r#"{"Content":"bHM="}"#, "MissingParameter", "`InstanceIds`"),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Contents":1}"#,
                "UnknownParameter",
                "`Contents`",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Tags":[{"Key":"a","Value":"b","C":1}]}"#,
                "UnknownParameter",
                "`Tags[0].C`",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Tags":[{"Key":"a"}]}"#,
                "MissingParameter",
                "`Tags[0].Value`",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Timeout":"60"}"#,
                "InvalidParameterValue",
                "`Timeout`",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Timeout":86401}"#,
                "InvalidParameterValue.Range",
                "86400",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":[]}"#,
                "InvalidParameterValue.LimitExceeded",
                "0 items",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Parameters":"{}"}"#,
                "InvalidParameterValue.SupportParametersOnlyIfEnableParameter",
                "EnableParameter",
            ),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"EnableParameter":true,"Parameters":"{\"a\":1}"}"#,
                "InvalidParameterValue.ParameterValueNotString",
                "Parameters.a",
            ),
            ("[]", "InvalidParameter", "JSON object"),
            // Its first members, in their order.
            (r#"["bHM=",["ins-a"]]"#, "InvalidParameter", "JSON object"),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"],"Tags":[["k","v"]]}"#,
                "InvalidParameterValue",
                "`Tags[0]`",
            ),
            ("{", "InvalidParameter", "JSON object"),
            (
                r#"{"Content":"bHM=","InstanceIds":["ins-a"]} x"#,
                "InvalidParameter",
                "more than one",
            ),
        ] {
            let (is, message) = refused(body);
            assert_eq!(is, code, "{body}: {message}");
            assert!(message.contains(names), "{body}: {message}");
        }
        assert!(parse::<DescribeRegionsRequest>(&Input::Json(Bytes::new())).is_ok());
        assert!(parse::<DescribeRegionsRequest>(&Input::Json(Bytes::from_static(b"[]"))).is_err());
    }
}
