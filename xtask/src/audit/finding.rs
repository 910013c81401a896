//! The findings of an audit: every kind is one variant, with its rule, its sentence, and whether `--fix`
//! can write it.

use std::fmt;

use super::page;

/// A difference between a page and a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The line of the page it stands at; 0 where the page says nothing.
    pub page_line: usize,
    /// The line of the document it belongs to.
    pub document_line: u64,
    /// The place: the operation or type first, `RunCommand.request.Content`, `RunCommand.errors`.
    pub place: String,
    /// What.
    pub kind: Kind,
}

/// The kinds of findings. `page` and `document` are the two sides in words.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "each variant's sentence says what its fields are")]
pub enum Kind {
    /// The page has an operation that the document lacks.
    OperationMissing { operation: Box<page::Operation> },
    /// The page has a member or parameter that the document lacks; `after` is the member before it on
    /// the page that the document has, none where it is the first.
    MemberMissing { member: Box<page::Member>, after: Option<String> },
    /// The document has a member or parameter that the page lacks.
    MemberGone,
    /// The two types differ; `member` is the page's.
    TypeDiffers { member: Box<page::Member>, page: String, document: String },
    /// One of the two says that it is required.
    RequiredDiffers { page: bool },
    /// A limit differs, or only one of the two has it; `limit` is the document's word for it, and a
    /// number is written in digits.
    LimitDiffers { limit: &'static str, page: Option<String>, document: Option<String> },
    /// The page lists a value that the document lacks; `after` is the value before it on the page that
    /// the document has.
    ValueMissing { value: String, after: Option<String> },
    /// The document lists a value that the page lacks.
    ValueGone { value: String },
    /// The page lists a status or an error code that the document lacks; `text` is what the page says
    /// that it means, `after` the one before it on the page that the document has.
    CodeMissing { code: String, text: String, after: Option<String> },
    /// The document lists a status or an error code that the page lacks.
    CodeGone { code: String },
    /// One of the two says that it is deprecated.
    DeprecatedDiffers { page: bool },
    /// Method, path, version, rate or edition differ; `what` is one of these words.
    FactDiffers { what: &'static str, page: String, document: String },
    /// A decision of the document names a finding that is no longer made.
    DecisionStale { fingerprint: String },
}

impl Kind {
    /// The stable id of the rule.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::OperationMissing { .. } => "operation-missing",
            Self::MemberMissing { .. } => "member-missing",
            Self::MemberGone => "member-gone",
            Self::TypeDiffers { .. } => "type-differs",
            Self::RequiredDiffers { .. } => "required-differs",
            Self::LimitDiffers { .. } => "limit-differs",
            Self::ValueMissing { .. } => "value-missing",
            Self::ValueGone { .. } => "value-gone",
            Self::CodeMissing { .. } => "code-missing",
            Self::CodeGone { .. } => "code-gone",
            Self::DeprecatedDiffers { .. } => "deprecated-differs",
            Self::FactDiffers { .. } => "fact-differs",
            Self::DecisionStale { .. } => "decision-stale",
        }
    }
}

impl Finding {
    /// The name of the finding that stays the same when lines move: the rule, the place, and what the page
    /// says. A decision is made about this, so a page that says something new is found again.
    ///
    /// `limit-differs RunCommand.request.Content maxLength=64 KB`
    pub fn fingerprint(&self) -> String {
        let detail = match &self.kind {
            Kind::TypeDiffers { page, .. } => format!(" {page}"),
            Kind::RequiredDiffers { page } | Kind::DeprecatedDiffers { page } => format!(" {page}"),
            Kind::LimitDiffers { limit, page, .. } => {
                format!(" {limit}={}", page.as_deref().unwrap_or("-"))
            }
            Kind::FactDiffers { what, page, .. } => format!(" {what}={page}"),
            Kind::ValueMissing { value, .. } | Kind::ValueGone { value } => format!(" {value}"),
            Kind::CodeMissing { code, .. } | Kind::CodeGone { code } => format!(" {code}"),
            Kind::DecisionStale { fingerprint } => format!(" {fingerprint}"),
            Kind::OperationMissing { .. } | Kind::MemberMissing { .. } | Kind::MemberGone => {
                String::new()
            }
        };
        // A document says it in one line.
        let text = format!("{} {}{detail}", self.kind.rule(), self.place);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OperationMissing { .. } => f.write_str("the document lacks this operation"),
            Self::MemberMissing { .. } => f.write_str("the document lacks this member"),
            Self::MemberGone => f.write_str("the page lacks this member"),
            Self::TypeDiffers { page, document, .. } => {
                write!(f, "the page's type is {page}, the document's is {document}")
            }
            Self::RequiredDiffers { page: true } => {
                f.write_str("the page requires it, the document does not")
            }
            Self::RequiredDiffers { page: false } => {
                f.write_str("the document requires it, the page does not")
            }
            Self::LimitDiffers { limit, page: Some(page), document: Some(document) } => {
                write!(f, "the page's {limit} is {page}, the document's is {document}")
            }
            Self::LimitDiffers { limit, page: Some(page), document: None } => {
                write!(f, "the page's {limit} is {page}, the document has none")
            }
            Self::LimitDiffers { limit, document, .. } => {
                let document = document.as_deref().unwrap_or("none");
                write!(f, "the document's {limit} is {document}, the page has none")
            }
            Self::ValueMissing { value, .. } => write!(f, "the document lacks the value `{value}`"),
            Self::ValueGone { value } => write!(f, "the page lacks the value `{value}`"),
            Self::CodeMissing { code, .. } => write!(f, "the document lacks `{code}`"),
            Self::CodeGone { code } => write!(f, "the page lacks `{code}`"),
            Self::DeprecatedDiffers { page: true } => {
                f.write_str("the page says that it is deprecated, the document does not")
            }
            Self::DeprecatedDiffers { page: false } => {
                f.write_str("the document says that it is deprecated, the page does not")
            }
            Self::FactDiffers { what, page, document } => {
                write!(f, "the page's {what} is {page}, the document's is {document}")
            }
            Self::DecisionStale { fingerprint } => {
                write!(
                    f,
                    "the decision about `{fingerprint}` applies to nothing any more; remove it"
                )
            }
        }
    }
}
