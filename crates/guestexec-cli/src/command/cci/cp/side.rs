//! The two sides of a copy: a path here, or a path in a pod.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// Where something is copied from, or to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Here(PathBuf),
    InPod(Remote),
}

/// A path in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// The namespace, if the path names it.
    pub(super) namespace: Option<String>,
    pub(super) pod: String,
    pub(super) path: String,
}

impl Side {
    /// Reads an argument. It is one of a pod if the part before its first colon has the form of a pod's name, and a
    /// local path otherwise; `./` before a local path makes it one in any case.
    ///
    /// # Errors
    /// If a path in a pod is empty, or cannot be sent.
    pub(super) fn read(argument: &OsStr) -> Result<Self, Failure> {
        let here = || Ok(Self::Here(argument.into()));
        // What cannot be text is after the colon.
        let text = argument.to_string_lossy();
        let Some((before, path)) = text.split_once(':') else { return here() };
        let (namespace, pod) = match before.split_once('/') {
            Some((namespace, pod)) => (Some(namespace), pod),
            None => (None, before),
        };
        let is_drive = cfg!(windows) || path.starts_with('\\');
        if !namespace.is_none_or(is_name) || !is_name(pod) || (is_drive && before.len() == 1) {
            return here();
        }
        if argument.to_str().is_none() {
            return Err(Failure::new(format!("the path `{text}` is not UTF-8"))
                .advise("A path in a pod is sent as text. Copy the folder that it is in."));
        }
        if path.is_empty() {
            return Err(Failure::new(format!("`{text}` has no path after its colon")).advise(
                format!("Name one, such as {text}/tmp, or {text}. for where commands run."),
            ));
        }
        let (namespace, pod) = (namespace.map(str::to_owned), pod.to_owned());
        Ok(Self::InPod(Remote { namespace, pod, path: path.to_owned() }))
    }
}

/// Whether a text has the form of the names of pods and namespaces.
fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let is_outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().copied().all(is_inner) && is_outer(bytes.first()) && is_outer(bytes.last())
}

impl Remote {
    /// This, as `name` in it.
    pub(super) fn join(&self, name: &str) -> Self {
        let path = format!("{}/{name}", self.path.trim_end_matches('/'));
        Self { path, ..self.clone() }
    }

    /// The name of what the path leads to, if it ends in one.
    pub(super) fn name(&self) -> Option<&str> {
        name(self.path.as_bytes()).and_then(|name| str::from_utf8(name).ok())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}:{}", self.pod, self.path)
    }
}

/// The name of what a local path leads to, if it ends in one. As with `cp`, `folder/.` has none: it is all that is in
/// the folder.
pub(super) fn name_here(path: &Path) -> Option<&OsStr> {
    name(path.as_os_str().as_encoded_bytes()).and_then(|_| path.file_name())
}

/// Whether a path says that it leads to a folder.
pub(super) fn is_folder(path: &[u8]) -> bool {
    path.ends_with(b"/") || name(path).is_none()
}

fn name(path: &[u8]) -> Option<&[u8]> {
    let length = path.iter().rposition(|byte| *byte != b'/')? + 1;
    let name = path[..length].rsplit(|byte| *byte == b'/').next()?;
    (!matches!(name, b"." | b"..")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Side::read(OsStr::new(text)).unwrap() {
            Side::Here(path) => format!("here {}", path.display()),
            Side::InPod(Remote { namespace, pod, path }) => {
                format!("{} {pod} {path}", namespace.as_deref().unwrap_or("-"))
            }
        }
    }

    #[test]
    fn a_side_is_in_a_pod_if_it_begins_with_the_name_of_one() {
        for (text, side) in [
            ("demo:/srv", "- demo /srv"),
            ("demo:a:b", "- demo a:b"),
            ("prod/web-1.x:/srv/", "prod web-1.x /srv/"),
            ("a", "here a"),
            ("./a:b", "here ./a:b"),
            ("/a:b", "here /a:b"),
            ("../a:b", "here ../a:b"),
            ("a/b/c:d", "here a/b/c:d"),
            ("A:b", "here A:b"),
            ("My file:b", "here My file:b"),
            ("-a:b", "here -a:b"),
            (":b", "here :b"),
            ("C:\\Users", "here C:\\Users"),
            ("c:\\users", "here c:\\users"),
            ("C:/Users", "here C:/Users"),
        ] {
            assert_eq!(read(text), side, "{text}");
        }
        assert!(Side::read(OsStr::new("demo:")).is_err());
    }

    #[test]
    fn a_path_has_the_name_that_cp_would_give() {
        for (path, expected) in [
            ("a", Some("a")),
            ("/srv/www/", Some("www")),
            ("/srv/www//", Some("www")),
            ("www/.", None),
            (".", None),
            ("..", None),
            ("/", None),
            ("", None),
            ("...", Some("...")),
        ] {
            assert_eq!(name_here(Path::new(path)), expected.map(OsStr::new), "{path}");
        }
        assert!(is_folder(b"a/") && is_folder(b".") && is_folder(b"/") && !is_folder(b"a"));
    }
}
